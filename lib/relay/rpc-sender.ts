/** Sends calls to one address. A connection does; tests may do it otherwise. */
export interface RpcSender {
  readonly address: string;
  /**
   * Resolves with the body of the answer. Rejects with `ServiceError`, `RpcUnreachableError` or `RpcUncertainError`; never throws.
   *
   * @param codec - One bit of `FrameFlag`.
   */
  send(method: string, body: Uint8Array, codec: number, options?: { readonly timeoutMs?: number }): Promise<Uint8Array>;
}
