/** Who calls. */
export interface RpcPeer {
  /** Of the connection, for logs: `127.0.0.1:51234`, or `unix`. */
  readonly name: string;
  /** True when the caller is on this machine. */
  readonly isLoopback: boolean;
}

/**
 * Answers one call, with the bytes of its codec.
 *
 * Throws or rejects with any error: its message is the error text, exactly as clients see it. `body` is valid during the
 * synchronous part of the call only: what is kept is copied. The answer is not changed after it was given. Called
 * concurrently, also for one connection.
 *
 * @param codec - One bit of `FrameFlag`.
 */
export type RpcMethod = (body: Uint8Array, codec: number, peer: RpcPeer) => Uint8Array | Promise<Uint8Array>;

/** By name: `jobs.Push`. */
export type RpcMethods = ReadonlyMap<string, RpcMethod>;
