import * as v from 'valibot';
import type { ConfigIssue } from '../contract/errors.js';
import { DEFAULT_RPC_LIMITS, type RpcSettings, type RpcTargetSettings, type RpcTlsSettings } from '../contract/settings.js';
import { address } from './address.js';
import { pathOf, wrongValue } from './issues.js';
import { about, check, closed, duration, filled, flag, integer, isRecord } from './schema.js';

/** The key `rpc`, checked: a kernel that is called, or one to call. */
export type RpcConfiguration =
  { readonly listen: RpcSettings; readonly target?: undefined } | { readonly target: RpcTargetSettings; readonly listen?: undefined };

const DEFAULT_TIMEOUT_S = 60;
/** Keys of one side only. */
const SIDES = { listen: ['allowInsecure', 'allowDeclare', 'limits'], connect: ['timeout'] } as const;

/**
 * Reads the key `rpc`: the text of an address is one to connect to.
 *
 * @param path - Where it stands; what is wrong is added to `issues`.
 */
export function readRpcOptions(input: unknown, path: string, issues: ConfigIssue[]): RpcConfiguration | undefined {
  if (typeof input === 'string') return readRpcOptions({ connect: input }, path, issues);
  if (!isRecord(input)) {
    issues.push(wrongValue(path, input, 'an address to connect to, such as "tcp://127.0.0.1:6001", or an object with "connect" or "listen"'));
    return undefined;
  }
  const before = issues.length;
  checkSides(input, path, issues);
  const isListening = input.listen !== undefined;
  const configuration = isListening ? readListen(input, path, issues) : readTarget(input, path, issues);
  return issues.length > before ? undefined : configuration;
}

/** The keys of a kernel that is called, in `.rr.yaml` too. */
export function rpcServerTable(): v.ObjectEntries {
  return rpcServerEntries();
}

/** One line per option: checks, keys and the JSON Schema are made from it. */
function rpcServerEntries() {
  return {
    listen: v.optional(about('Where this kernel is called: `tcp://host:port` or `unix://path`.', address())),
    ...sharedEntries(),
    allowInsecure: v.optional(about('Opens an address that other machines can reach without `tls` and `token` too.', flag()), false),
    allowDeclare: v.optional(about('Lets programs on other machines declare pipelines.', flag()), false),
    limits: v.optional(about('What clients may use.', limitOptions()), {}),
  };
}

/** What was read by {@link rpcServerEntries}, in the units of the server. */
export function rpcSettingsOf(options: RpcServerOptions, listen: string): RpcSettings {
  const { allowInsecure, allowDeclare, limits } = options;
  return {
    listen,
    allowInsecure,
    ...(allowDeclare ? { allowDeclare } : {}),
    ...sharedOf(options),
    limits: {
      maxConnections: limits.maxConnections,
      maxInFlight: limits.maxInFlight,
      maxFrameBytes: limits.maxFrame,
      maxHeldBytes: limits.maxHeld,
      headerTimeoutMs: limits.headerTimeout,
      progressTimeoutMs: limits.progressTimeout,
      maxUnsentBytes: limits.maxUnsent,
      drainTimeoutMs: limits.drainTimeout,
      maxBatchJobs: limits.maxBatch,
    },
  };
}

/** What makes the certificates of a server unusable. */
export function serverTlsIssues(tls: unknown, path: string): ConfigIssue[] {
  if (!isRecord(tls)) return [];
  const missing = ['cert', 'key'].filter((key) => tls[key] === undefined);
  return missing.map((key) => ({ path: pathOf(path, key), message: 'It is missing. A server needs "cert" and "key".' }));
}

type RpcServerOptions = v.InferOutput<v.ObjectSchema<ReturnType<typeof rpcServerEntries>, undefined>>;

// Keys of the other side are told by `checkSides`, in words that say where they belong.
function readListen(input: Readonly<Record<string, unknown>>, path: string, issues: ConfigIssue[]): RpcConfiguration | undefined {
  const options = check(closed({ ...rpcServerEntries(), connect: v.optional(v.unknown()), timeout: v.optional(v.unknown()) }), input, path, issues);
  issues.push(...serverTlsIssues(input.tls, pathOf(path, 'tls')));
  return options?.listen === undefined ? undefined : { listen: rpcSettingsOf(options, options.listen) };
}

function readTarget(input: Readonly<Record<string, unknown>>, path: string, issues: ConfigIssue[]): RpcConfiguration | undefined {
  const entries = {
    connect: v.optional(address()),
    listen: v.optional(v.unknown()),
    ...sharedEntries(),
    timeout: v.optional(duration('more than 0', 1), DEFAULT_TIMEOUT_S),
    allowInsecure: v.optional(v.unknown()),
    allowDeclare: v.optional(v.unknown()),
    limits: v.optional(v.unknown()),
  };
  const tls = input.tls === true ? {} : input.tls; // the authorities of the machine are trusted
  const options = check(closed(entries), { ...input, ...(tls === undefined ? {} : { tls }) }, path, issues);
  if (options?.connect === undefined) return undefined;
  return { target: { connect: options.connect, timeoutMs: options.timeout, ...sharedOf(options) } };
}

function checkSides(input: Readonly<Record<string, unknown>>, path: string, issues: ConfigIssue[]): void {
  const [listens, connects] = [input.listen !== undefined, input.connect !== undefined];
  if (listens === connects) {
    const both = '"connect" and "listen" stand side by side. Give "listen" where the kernel is, and "connect" in the programs that push to it.';
    const none = 'It has neither "connect" nor "listen". Give the address of a kernel to push to, or the one to open for others.';
    issues.push({ path, message: listens ? both : none });
    return;
  }
  const [side, other] = listens ? (['listen', 'connect'] as const) : (['connect', 'listen'] as const);
  for (const key of SIDES[other]) {
    if (input[key] !== undefined) issues.push({ path: pathOf(path, key), message: `It belongs to "${other}", not to "${side}". Remove it.` });
  }
}

function sharedEntries() {
  return {
    token: v.optional(about('A secret that both sides know.', filled('a text that is hard to guess'))),
    tls: v.optional(about('Certificates.', tlsOptions())),
  };
}

function sharedOf({ token, tls }: { readonly token?: string | undefined; readonly tls?: RpcTlsSettings | undefined }) {
  const certificates = Object.fromEntries(Object.entries(tls ?? {}).filter(([, value]) => value !== undefined)) as RpcTlsSettings;
  return { ...(token === undefined ? {} : { token }), ...(tls === undefined ? {} : { tls: certificates }) };
}

function tlsOptions() {
  const pem = 'PEM text, or the path of a PEM file';
  return closed({
    cert: v.optional(about('The certificate of this side: PEM text, or the path of a PEM file.', filled(pem))),
    key: v.optional(about('The private key of `cert`.', filled(pem))),
    ca: v.optional(about('Who is trusted; where a kernel listens: clients have to show a certificate that it signed.', filled(pem))),
    serverName: v.optional(about('Where a program connects: the name that the certificate must carry.', filled('the name in the certificate'))),
  });
}

function limitOptions() {
  const limits = DEFAULT_RPC_LIMITS;
  return closed({
    maxConnections: counted('connections', limits.maxConnections, 'Connections at once.'),
    maxInFlight: counted('calls', limits.maxInFlight, 'Calls of one connection that run at once.'),
    maxFrame: counted('bytes', limits.maxFrameBytes, 'One frame.'),
    maxHeld: counted(
      'bytes',
      limits.maxHeldBytes,
      'Frames that are half received, over all connections; the connection that goes beyond it is ended.',
    ),
    headerTimeout: seconds(limits.headerTimeoutMs, 'For the header of a frame, the token and the TLS handshake.'),
    progressTimeout: seconds(limits.progressTimeoutMs, 'Between two arrivals of bytes inside one frame.'),
    maxUnsent: counted('bytes', limits.maxUnsentBytes, 'Answers that a client has not read; beyond it no call of this client is read.'),
    drainTimeout: seconds(limits.drainTimeoutMs, 'How long a client may stay over `maxUnsent`.'),
    maxBatch: counted('jobs', limits.maxBatchJobs, 'Jobs of one batch.'),
  });
}

function counted(unit: string, fallback: number, meaning: string) {
  return v.optional(about(meaning, integer({ min: 1, unit, default: fallback })), fallback);
}

function seconds(fallbackMs: number, meaning: string) {
  return v.optional(about(meaning, duration('more than 0', 1)), fallbackMs / 1_000);
}
