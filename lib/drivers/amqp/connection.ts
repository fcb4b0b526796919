import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { Clock } from '../../contract/clock.js';
import { isDistrust } from '../../contract/distrust.js';
import type { DriverContext } from '../../contract/driver.js';
import { JobsConfigError } from '../../contract/errors.js';
import { messageOf } from '../../contract/thrown.js';
import { SupervisedConnection } from '../supervised-connection.js';
import type { AmqpClient, AmqpModel } from './client.js';
import type { AmqpOptions, AmqpSettings, TlsPaths } from './config.js';

/**
 * What a connection is for. Pushes and deliveries never share one: a broker that is short of memory stops reading from whoever publishes,
 * and acks that it does not read would keep its queues full.
 */
export type ConnectionUse = 'publish' | 'consume';

/** How long a broker may be silent while a connection is made: two heartbeats, within these limits. */
const MIN_CONNECT_TIMEOUT_MS = 3_000;
const MAX_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_HEARTBEAT_S = 10;
const CLOSE_TIMEOUT_MS = 1_500;
const GOODBYE_MS = 1_000;
const ACCESS_REFUSED = 403;
const NOT_ALLOWED = 530;

/** The key under which pipelines of the same broker share a connection. */
export function connectionKey(use: ConnectionUse, { url, tls, heartbeatS }: AmqpSettings): string {
  return `amqp:${use}:${url}:${heartbeatS}:${JSON.stringify(tls ?? null)}`;
}

/** One connection to the broker, dialled for as long as it takes. TLS is made anew with every dial. */
export function superviseConnection(
  client: AmqpClient,
  settings: AmqpSettings,
  { clock, logger }: DriverContext<AmqpOptions>,
): SupervisedConnection<AmqpModel> {
  const { address, socketOptions } = dialSettings(settings);
  const supervised: SupervisedConnection<AmqpModel> = new SupervisedConnection<AmqpModel>({
    driver: 'amqp',
    name: nameOf(address),
    clock,
    logger,
    connectTimeoutMs: MAX_CONNECT_TIMEOUT_MS + 1_000,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    isFinal: isRefusal,
    connect: async () => {
      const model = await client.connect(address, socketOptions).catch((error: unknown) => {
        throw isDistrust((error as { code?: unknown }).code) ? distrusted(address, error) : isRefusal(error) ? refused(address, error) : error;
      });
      let reason: unknown = new Error('The broker closed the connection.');
      model.on('error', (error: Error) => {
        reason = error;
        supervised.lost(model, error);
        // Half of it may live: a frozen peer never answers the end that the client sends.
        model.connection?.stream?.destroy(error);
      });
      model.on('close', (error?: Error) => supervised.lost(model, error ?? reason));
      // Its end came with the last word of the handshake, before anybody could listen.
      if (model.connection?.stream?.writableEnded === true) throw reason as Error;
      return model;
    },
    close: (model) => closeModel(model, clock),
  });
  return supervised;
}

/** Ends the socket when the broker does not answer the good-bye: its timers would keep the process. */
async function closeModel(model: AmqpModel, clock: Clock): Promise<void> {
  const limit = clock.setTimer(GOODBYE_MS, () =>
    model.connection?.stream?.destroy(new Error('The broker did not answer the end of the connection.')),
  );
  try {
    await model.close();
  } finally {
    limit.cancel();
  }
}

/** What no further try heals unless someone changes the broker or the configuration. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof JobsConfigError) return true;
  const { code, message = '' } = error as { code?: unknown; message?: string };
  return code === ACCESS_REFUSED || code === NOT_ALLOWED || /\b(?:403 \(ACCESS[-_]REFUSED\)|530 \(NOT[-_]ALLOWED\))/u.test(message);
}

function refused(address: string, error: unknown): JobsConfigError {
  const reason = messageOf(error);
  return new JobsConfigError([{ path: 'amqp.addr', message: `${nameOf(address)} refuses: ${reason}. Correct user, password or virtual host.` }], {
    cause: error,
  });
}

function distrusted(address: string, error: unknown): JobsConfigError {
  const message = `The certificate of ${nameOf(address)} is not trusted: ${messageOf(error)}. Give the file of its authority, or correct the host of "amqp.addr".`;
  return new JobsConfigError([{ path: 'amqp.tls.rootCa', message }], { cause: error });
}

function dialSettings({ url, tls, heartbeatS, pipeline }: AmqpSettings): { address: string; socketOptions: Readonly<Record<string, unknown>> } {
  const address = parseAddress(url, pipeline);
  const silenceS = heartbeatS ?? address.searchParams.get('heartbeat') ?? DEFAULT_HEARTBEAT_S;
  address.searchParams.set('heartbeat', String(silenceS));
  if (tls !== undefined) address.protocol = 'amqps:';
  const isTls = address.protocol === 'amqps:';
  return {
    address: address.href,
    socketOptions: {
      // A small frame waits for nothing: with Nagle's algorithm an ack takes 40 ms.
      noDelay: true,
      keepAlive: true,
      keepAliveDelay: 10_000,
      timeout: Math.min(MAX_CONNECT_TIMEOUT_MS, Math.max(MIN_CONNECT_TIMEOUT_MS, 2_000 * (Number(silenceS) || DEFAULT_HEARTBEAT_S))),
      clientProperties: { connection_name: `nestjs-roadrunner (${process.pid})` },
      ...(isTls ? { minVersion: 'TLSv1.2', ...certificates(tls ?? {}) } : {}),
    },
  };
}

function parseAddress(url: string, pipeline: string): URL {
  const issue = (message: string) => new JobsConfigError([{ path: 'amqp.addr', message: `${message} (pipeline "${pipeline}")` }]);
  if (!URL.canParse(url)) throw issue('It is no address. Write "amqp://user:password@host:port/vhost".');
  const address = new URL(url);
  if (address.protocol !== 'amqp:' && address.protocol !== 'amqps:') {
    throw issue(`"${address.protocol}//" is not understood. Write "amqp://user:password@host:port/vhost", or "amqps://" for TLS.`);
  }
  return address;
}

function certificates({ key, cert, rootCa }: TlsPaths): Readonly<Record<string, unknown>> {
  if ((key === undefined) !== (cert === undefined)) {
    const missing = key === undefined ? 'key' : 'cert';
    throw new JobsConfigError([{ path: `amqp.tls.${missing}`, message: 'A certificate needs its key. Give both "key" and "cert", or neither.' }]);
  }
  return {
    ...(key === undefined || cert === undefined ? {} : { key: readPem(key, 'key'), cert: readPem(cert, 'cert') }),
    ...(rootCa === undefined ? {} : { ca: [...rootCertificates, readPem(rootCa, 'rootCa')] }),
  };
}

function readPem(path: string, option: keyof TlsPaths): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = messageOf(cause);
    throw new JobsConfigError([{ path: `amqp.tls.${option}`, message: `"${path}" cannot be read: ${reason}. Give the path of a PEM file.` }], {
      cause,
    });
  }
}

/** Without the password. */
function nameOf(address: string): string {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname}`;
}
