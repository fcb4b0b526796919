import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, Deadline } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import { DEFAULT_RPC_LIMITS } from '../contract/settings.js';
import type { RpcMethods } from '../relay/rpc-method.js';
import { RpcServer } from '../relay/rpc-server.js';

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
 * itself and a token.
 */
export class PrivateRelay {
  readonly #parts: PrivateRelayParts;
  #folder: string | undefined;
  #server: RpcServer | undefined;
  #address: PrivateAddress | undefined;

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
      listen: isWindows ? 'tcp://127.0.0.1:0' : `unix://${join(this.#makeFolder(), 'kernel.sock')}`,
      allowInsecure: false,
      limits: DEFAULT_RPC_LIMITS,
      ...(token === undefined ? {} : { token }),
    };
    this.#server = new RpcServer({ settings, ...this.#parts });
    try {
      const { address } = await this.#server.listen();
      this.#address = { address, ...(token === undefined ? {} : { token }) };
    } catch (error) {
      this.#removeFolder();
      throw error;
    }
  }

  /** Calls that run are answered until the deadline. May be called twice. */
  async close(deadline: Deadline): Promise<void> {
    await this.#server?.close(deadline);
    this.#removeFolder();
  }

  // mkdtemp makes it with mode 0700 and a name that nobody can know before.
  #makeFolder(): string {
    return (this.#folder = mkdtempSync(join(tmpdir(), 'nrr-')));
  }

  #removeFolder(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
