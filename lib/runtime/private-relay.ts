import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Deadline } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import { DEFAULT_RPC_LIMITS } from '../contract/settings.js';
import type { RpcMethods } from '../relay/rpc-method.js';
import { RpcServer } from '../relay/rpc-server.js';
import { makeRelayFolder, RELAY_SOCKET, sweepRelayFolders } from './relay-folders.js';

export interface PrivateRelayParts {
  readonly methods: RpcMethods;
  readonly clock: Clock;
  readonly logger: JobsLogger;
}

/** Where the workers of a kernel call it. */
export interface PrivateAddress {
  readonly address: string;
  /** Where the system has no sockets with a mode. */
  readonly token?: string;
}

const TOKEN_BYTES = 32;

/**
 * Where the workers of a kernel call it, and nobody else: a socket of mode 0600 in a new folder of mode 0700; on Windows a port of the machine
 * itself and a token. Folders that killed kernels left are removed when it is opened.
 */
export class PrivateRelay {
  readonly #parts: PrivateRelayParts;
  #folder: string | undefined;
  #server: RpcServer | undefined;
  #address: PrivateAddress | undefined;
  #sweep: Promise<unknown> | undefined;

  constructor(parts: PrivateRelayParts) {
    this.#parts = parts;
  }

  /** `undefined` before it listens. */
  get address(): PrivateAddress | undefined {
    return this.#address;
  }

  /** @throws RelayError when it cannot be opened. */
  async listen(): Promise<void> {
    const isWindows = process.platform === 'win32';
    const token = isWindows ? randomBytes(TOKEN_BYTES).toString('hex') : undefined;
    const settings = {
      listen: isWindows ? 'tcp://127.0.0.1:0' : `unix://${join((this.#folder = makeRelayFolder()), RELAY_SOCKET)}`,
      allowInsecure: false,
      limits: DEFAULT_RPC_LIMITS,
      ...(token === undefined ? {} : { token }),
    };
    this.#server = new RpcServer({ settings, ...this.#parts });
    try {
      const { address } = await this.#server.listen();
      this.#address = { address, ...(token === undefined ? {} : { token }) };
      if (!isWindows) this.#sweep = sweepRelayFolders();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Calls that run are answered until the deadline. May be called twice. */
  async close(deadline: Deadline): Promise<void> {
    await this.#server?.close(deadline);
    await this.#sweep;
    this.remove();
  }

  /** Its folder is gone, at once: for the end of the process. */
  remove(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
