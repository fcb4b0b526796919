import type { RpcUnreachableError, RpcUncertainError, ServiceError } from '../contract/rpc-errors.js';

/** A call that has no answer yet. */
export interface RpcCall {
  readonly method: string;
  readonly body: Uint8Array;
  readonly codec: number;
  /** Monotonic; `Infinity`: never. */
  readonly deadlineAt: number;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: RpcUnreachableError | RpcUncertainError | ServiceError) => void;
}
