import { FrameError } from '../contract/rpc-errors.js';
import { type Frame, FrameFlag, HEADER_BYTES, writeHeader, writeWord } from './frame.js';
import { MethodNames } from './method-names.js';

// Go's net/rpc over goridge, request and answer alike (recorded: test/fixtures/goridge/rpc-*):
//
//   flags       one codec bit; an answer that is an error has 0x40 too, and its body is UTF-8 text
//   option 0    id of the call, chosen by the client, echoed in the answer
//   option 1    bytes of the method name
//   payload     method name, then the body

/** A call or its answer. */
export interface RpcMessage {
  readonly sequence: number;
  readonly method: string;
  /** One bit of `FrameFlag`: the one by which a RoadRunner reads the body when there are several. 0: none. */
  readonly codec: number;
  readonly isError: boolean;
  /** A view of the frame. */
  readonly body: Uint8Array;
}

/** What makes a message; what is absent is false or empty. */
export interface RpcMessageParts {
  readonly sequence: number;
  readonly method: string;
  /** A bit of `FrameFlag`, or several: Go's client sends gob and proto together. */
  readonly codec: number;
  readonly isError?: boolean;
  readonly body?: Uint8Array;
}

/** Answers repeat the name: one of a whole frame would come back three times as long. Unit: bytes. */
const MAX_METHOD_BYTES = 255;
/** Bytes in front of the method name. */
export const RPC_HEADER_BYTES = HEADER_BYTES + 8;

const NO_BYTES = new Uint8Array(0);

/**
 * Reads a call or an answer.
 *
 * @param names - Those of the connection; makes the reading of known methods cheap.
 * @throws {@link FrameError} of kind `options` when there are not two options, of kind `method` when the method name is longer than the payload
 *   or than 255 bytes.
 */
export function readRpcMessage(frame: Frame, names: MethodNames = new MethodNames()): RpcMessage {
  const { flags, options, payload } = frame;
  if (options.length !== 2) {
    // RoadRunner's own words in front, for who searches for them.
    const text = 'goridge_read_request_header: should be 2 options. SEQ_ID and METHOD_LEN';
    throw new FrameError('options', `${text}. A frame of a call has ${options.length}.`, { options, flags });
  }
  const [sequence, methodBytes] = options;
  if (methodBytes > payload.length) {
    throw new FrameError('method', `A call has a method name of ${methodBytes} bytes in a payload of ${payload.length}.`, { options, flags });
  }
  if (methodBytes > MAX_METHOD_BYTES) {
    throw new FrameError('method', `A call has a method name of ${methodBytes} bytes. It may have ${MAX_METHOD_BYTES}.`, { options, flags });
  }
  return {
    sequence,
    method: names.read(payload, methodBytes),
    codec: codecOf(flags),
    isError: (flags & FrameFlag.error) !== 0,
    body: payload.subarray(methodBytes),
  };
}

/** The bytes of a call or an answer, in one piece. */
export function encodeRpcMessage(message: RpcMessageParts): Uint8Array {
  const { sequence, codec, isError = false, body = NO_BYTES } = message;
  const method = Buffer.from(message.method);
  const bytes = Buffer.allocUnsafe(RPC_HEADER_BYTES + method.length + body.length);
  const at = writeRpcHeader(bytes, 0, isError ? codec | FrameFlag.error : codec, sequence, method, body.length);
  bytes.set(body, at);
  return bytes;
}

/** Writes all that stands in front of the body; answers where the body begins. */
export function writeRpcHeader(target: Uint8Array, at: number, flags: number, sequence: number, method: Uint8Array, bodyBytes: number): number {
  writeHeader(target, at, flags, 0, 2, method.length + bodyBytes);
  writeWord(target, at + HEADER_BYTES, sequence);
  writeWord(target, at + HEADER_BYTES + 4, method.length);
  const methodAt = at + RPC_HEADER_BYTES;
  for (let index = 0; index < method.length; index++) target[methodAt + index] = method[index];
  return methodAt + method.length;
}

/** The bit that counts when a body is read. */
export function codecOf(flags: number): number {
  if (flags & FrameFlag.proto) return FrameFlag.proto;
  if (flags & FrameFlag.json) return FrameFlag.json;
  if (flags & FrameFlag.gob) return FrameFlag.gob;
  if (flags & FrameFlag.raw) return FrameFlag.raw;
  return flags & FrameFlag.msgpack;
}
