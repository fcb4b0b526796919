import { deadlineAfter, systemClock } from '../../../lib/contract/clock.js';
import type { JobsLogger } from '../../../lib/contract/logger.js';
import { DEFAULT_RPC_LIMITS, type RpcLimits, type RpcSettings } from '../../../lib/contract/settings.js';
import type { RpcMethod } from '../../../lib/relay/rpc-method.js';
import { RpcServer, type RpcServerOptions } from '../../../lib/relay/rpc-server.js';

/** Calls of `test.Hold` wait here until a test lets them go. */
export class Held {
  readonly #waiting: { body: string; resolve: (body: Uint8Array) => void; reject: (error: Error) => void }[] = [];
  readonly #arrivals: (() => void)[] = [];
  /** The most that waited at once. */
  most = 0;

  get count(): number {
    return this.#waiting.length;
  }

  take(body: Uint8Array): Promise<Uint8Array> {
    const text = Buffer.from(body).toString();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body: text, resolve, reject });
      this.most = Math.max(this.most, this.#waiting.length);
      for (const arrival of this.#arrivals.splice(0)) arrival();
    });
  }

  /** Resolves when so many wait. */
  async reached(count: number): Promise<void> {
    while (this.#waiting.length < count) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
  }

  /** Answers the oldest with its own body. */
  release(count = 1): void {
    for (const { body, resolve } of this.#waiting.splice(0, count)) resolve(Buffer.from(body));
  }

  fail(error: Error): void {
    this.#waiting.shift()?.reject(error);
  }
}

export interface EchoServer {
  readonly server: RpcServer;
  readonly address: string;
  readonly held: Held;
  readonly close: (withinMs?: number) => Promise<void>;
}

export interface EchoOptions extends Partial<Omit<RpcSettings, 'limits'>> {
  readonly limits?: Partial<RpcLimits>;
  readonly clock?: RpcServerOptions['clock'];
  readonly logger?: JobsLogger;
}

/** A server on a free port with methods that echo, hold, fail and answer much. */
export async function startEchoServer(options: EchoOptions = {}): Promise<EchoServer> {
  const { limits, clock, logger, ...settings } = options;
  const held = new Held();
  const methods = new Map<string, RpcMethod>([
    ['test.Echo', (body) => Uint8Array.from(body)],
    ['test.Later', (body) => Promise.resolve(Uint8Array.from(body))],
    ['test.Hold', (body) => held.take(body)],
    ['test.Much', (body) => new Uint8Array(Number(Buffer.from(body).toString()))],
    [
      'test.Throw',
      (body) => {
        throw new Error(Buffer.from(body).toString());
      },
    ],
    ['test.Peer', (_body, codec, peer) => Buffer.from(JSON.stringify({ codec, isLoopback: peer.isLoopback }))],
  ]);
  const server = new RpcServer({
    settings: { listen: 'tcp://127.0.0.1:0', allowInsecure: false, ...settings, limits: { ...DEFAULT_RPC_LIMITS, ...limits } },
    methods,
    ...(clock === undefined ? {} : { clock }),
    ...(logger === undefined ? {} : { logger }),
  });
  const { address } = await server.listen();
  return { server, address, held, close: (withinMs = 0) => server.close(deadlineAfter(systemClock, withinMs)) };
}
