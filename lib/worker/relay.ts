import { connect, Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { RelayError } from '../contract/rpc-errors.js';
import { parseAddress } from '../relay/address.js';
import { takeStandardStreams } from './standard-streams.js';

/**
 * The connection of a worker with its kernel.
 *
 * @publicApi
 */
export interface WorkerRelay {
  /** As it was given: `pipes`, `tcp://127.0.0.1:7000`. */
  readonly address: string;
  /** Frames of the kernel. Paused until it is served. */
  readonly input: Readable;
  /** Frames for the kernel. */
  readonly output: Writable;
}

/** @publicApi */
export interface RelayOptions {
  /** Keeps `console` and `process.stdout` away from the relay `pipes`. Default: `true`. */
  readonly interceptOutput?: boolean;
  /** An open socket that stands for the relay `pipes`, beside standard input and output. Default: none. */
  readonly descriptor?: number | undefined;
}

/**
 * Joins this process with its kernel. A socket connects in the background: when it cannot, whoever serves the relay is told.
 *
 * @param address - `pipes`, `tcp://host:port` or `unix://path`.
 * @throws {@link RelayError} when the address is none of them, or `pipes` is asked for and standard input and output are no pipes.
 * @publicApi
 */
export function createRelay(address: string, options: RelayOptions = {}): WorkerRelay {
  if (address !== 'pipes') {
    const socket = connectTo(address);
    return { address, input: socket, output: socket };
  }
  if (options.descriptor !== undefined) {
    const socket = openDescriptor(options.descriptor);
    return { address, input: socket, output: socket };
  }
  return { address, ...takeStandardStreams(options.interceptOutput ?? true) };
}

function openDescriptor(descriptor: number): Socket {
  try {
    return new Socket({ fd: descriptor, readable: true, writable: true }).pause();
  } catch (cause) {
    const reason = `Descriptor ${descriptor}, which NRR_RELAY_FD names, is no open socket. Let the kernel itself start this process, or unset NRR_RELAY_FD.`;
    throw new RelayError('pipes', reason, { cause });
  }
}

function connectTo(address: string): Socket {
  const target = parseAddress(address);
  if (target.kind === 'unix') return connect({ path: target.path });
  return connect({ host: target.host === '' ? '127.0.0.1' : target.host, port: target.port, noDelay: true, keepAlive: true });
}
