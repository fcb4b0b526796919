import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { JobsApi } from '../contract/jobs-api.js';
import type { RpcTargetSettings, RpcTlsSettings } from '../contract/settings.js';
import { parseAddress } from '../relay/address.js';
import { connectTo, type JobsConnection } from '../runtime/connect-jobs.js';
import type { CliOptions } from './command-form.js';
import type { CommandLine } from './command-line.js';
import type { CommandResult } from './command.js';
import { DEFAULT_FILE, readRpc } from './configuration.js';
import { CliUsageError } from './errors.js';
import type { CliIo } from './io.js';

/** A kernel as commands see it. */
export type CliKernel = Pick<JobsConnection, 'rpc' | 'jobs' | 'admin'> & { readonly api: JobsApi };

const DEFAULT_ADDRESS = 'tcp://127.0.0.1:6001';
const TIMEOUT = { value: '<duration>', meaning: 'How long a call may take.', fallback: '10s' };

/** Of every command that calls a kernel. */
export const CONNECTION_OPTIONS: CliOptions = {
  rpc: { value: '<address>', meaning: `Where the kernel listens. Default: "rpc.listen" of the file, then RR_RPC, then ${DEFAULT_ADDRESS}.` },
  config: { short: 'c', value: '<file>', meaning: `The file that has "rpc.listen". Default: ${DEFAULT_FILE}, if it is there.` },
  token: {
    value: '<token>',
    meaning: 'The token of the kernel. Default: that of the file, then NRR_RPC_TOKEN, which other users of the machine do not see.',
  },
  tls: { meaning: 'Connects by TLS. Without it "rpc.tls" of the file says so.' },
  ca: { value: '<file>', meaning: 'By TLS: whose certificates are trusted. Default: the authorities of the machine.' },
  cert: { value: '<file>', meaning: 'By TLS: the certificate to show, where the kernel asks for one.' },
  key: { value: '<file>', meaning: 'By TLS: the private key of --cert.' },
  timeout: TIMEOUT,
};

/** Of those whose call is answered when all of its work is done. */
export const LONG_CONNECTION_OPTIONS: CliOptions = { ...CONNECTION_OPTIONS, timeout: { ...TIMEOUT, fallback: '1h' } };

/** Calls a kernel, and lets go of it. */
export async function onKernel(line: CommandLine, io: CliIo, work: (kernel: CliKernel) => Promise<CommandResult>): Promise<CommandResult> {
  const connection = connectTo(targetOf(line, io), {}, 1);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

function targetOf(line: CommandLine, io: CliIo): RpcTargetSettings {
  const timeoutMs = line.duration('timeout')!;
  if (timeoutMs === 0) throw line.wrong('timeout', 'is 0. Give more than 0.');
  const file = fileTarget(line, io);
  const connect = addressOf(line) ?? file?.connect ?? (io.environment['RR_RPC'] || DEFAULT_ADDRESS);
  const token = line.text('token') ?? file?.token ?? (io.environment['NRR_RPC_TOKEN'] || undefined);
  const tls = tlsOf(line, io) ?? file?.tls;
  return { connect, timeoutMs, ...(token === undefined ? {} : { token }), ...(tls === undefined ? {} : { tls }) };
}

/** @throws CliUsageError when it is no address. */
function addressOf(line: CommandLine): string | undefined {
  const address = line.text('rpc');
  if (address === undefined) return undefined;
  try {
    parseAddress(address);
    return address;
  } catch (error) {
    throw new CliUsageError((error as Error).message, line.command, { cause: error });
  }
}

/** `undefined` when the line says nothing of TLS. Without `--ca` the authorities of the machine are trusted. */
function tlsOf(line: CommandLine, io: CliIo): RpcTlsSettings | undefined {
  const files = ['ca', 'cert', 'key'].flatMap((name) => {
    const file = line.text(name);
    return file === undefined ? [] : [[name, resolve(io.workingDirectory, file)] as const];
  });
  return files.length > 0 || line.has('tls') ? Object.fromEntries(files) : undefined;
}

/** The kernel of the file; `undefined` without a file, without its `rpc`, and when `--rpc` names another one. */
function fileTarget(line: CommandLine, io: CliIo): Omit<RpcTargetSettings, 'timeoutMs'> | undefined {
  const named = line.text('config');
  if (named === undefined && (line.text('rpc') !== undefined || !existsSync(resolve(io.workingDirectory, DEFAULT_FILE)))) return undefined;
  const rpc = readRpc(named ?? DEFAULT_FILE, io);
  if (rpc === undefined) return undefined;
  const { listen, token, tls } = rpc;
  return {
    connect: dialable(listen),
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls: {} }),
  };
}

// A server may listen on all of its addresses; this machine is one of them.
function dialable(listen: string): string {
  return listen.replace(/^(?<protocol>tcp:\/\/)(?:0\.0\.0\.0|\[::\])?:/i, '$<protocol>127.0.0.1:');
}
