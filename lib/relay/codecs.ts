import { CodecError } from '../contract/rpc-errors.js';
import { messageOf } from '../contract/thrown.js';
import { FrameFlag } from '../wire/frame.js';
import { decodeMsgpack, encodeMsgpack } from '../wire/msgpack.js';

/** How the values of a call become bytes, and the bytes of its answer a value. @publicApi */
export interface RpcCodec {
  /** One bit of the frame: it tells the other side. */
  readonly flag: number;
  /** @throws CodecError when the value has no such form. */
  encode(value: unknown): Uint8Array;
  /**
   * @param as - What the caller asked for; only {@link ProtobufCodec} looks at it.
   * @throws CodecError when the bytes are something else.
   */
  decode(bytes: Uint8Array, as?: unknown): unknown;
}

/** A message class, as protobuf generators make them: `protobufjs`, and with `fromBinary` also others. @publicApi */
export interface ProtobufType<T = unknown> {
  decode(bytes: Uint8Array): T;
}

/** Text and bytes as they are; the answer is bytes. @publicApi */
export class RawCodec implements RpcCodec {
  readonly flag = FrameFlag.raw;

  encode(value: unknown): Uint8Array {
    return bytesOf(value, 'The raw codec');
  }

  decode(bytes: Uint8Array): Uint8Array {
    return bytes;
  }
}

/** JSON; what most clients use for `informer`, `resetter` and `rpc`. @publicApi */
export class JsonCodec implements RpcCodec {
  readonly flag = FrameFlag.json;

  encode(value: unknown): Uint8Array {
    const text = attempt(() => JSON.stringify(value) as string | undefined, 'The value cannot be written as JSON');
    if (text === undefined) throw new CodecError(`A ${typeof value} has no JSON form. Give plain data.`);
    return Buffer.from(text);
  }

  decode(bytes: Uint8Array): unknown {
    return attempt(
      () => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as unknown,
      'The answer is no JSON',
    );
  }
}

/** MessagePack. @publicApi */
export class MsgpackCodec implements RpcCodec {
  readonly flag = FrameFlag.msgpack;

  encode(value: unknown): Uint8Array {
    return attempt(() => encodeMsgpack(value), 'The value cannot be written as MessagePack');
  }

  decode(bytes: Uint8Array): unknown {
    return attempt(() => decodeMsgpack(bytes), 'The answer is no MessagePack');
  }
}

/**
 * Protobuf. A message whose class has `encode` is serialized, bytes and text go as they are; the answer is given to the `decode` of the
 * class that the caller names, else it stays bytes.
 *
 * @publicApi
 */
export class ProtobufCodec implements RpcCodec {
  readonly flag = FrameFlag.proto;

  encode(value: unknown): Uint8Array {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return bytesOf(value, 'The protobuf codec');
    const { encode } = value.constructor as { encode?: (message: unknown) => Uint8Array | { finish(): Uint8Array } };
    if (typeof encode !== 'function')
      throw new CodecError('The value is no message of protobuf. Give an instance of a generated class, or its bytes.');
    const encoded = attempt(() => encode.call(value.constructor, value), 'The message cannot be serialized');
    return encoded instanceof Uint8Array ? encoded : encoded.finish();
  }

  decode(bytes: Uint8Array, as?: unknown): unknown {
    if (as === undefined) return bytes;
    const type = as as Partial<ProtobufType>;
    if (typeof type.decode !== 'function') throw new CodecError('What the answer should be read as has no "decode". Give a generated class.');
    return attempt(() => type.decode!(bytes), 'The answer is no such message');
  }
}

function bytesOf(value: unknown, codec: string): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  if (value === undefined || value === null) return new Uint8Array(0);
  throw new CodecError(`${codec} sends text and bytes only, ${typeof value} given. Use another codec, or serialize the value before.`);
}

function attempt<T>(act: () => T, problem: string): T {
  try {
    return act();
  } catch (cause) {
    throw new CodecError(`${problem}: ${messageOf(cause)}.`, { cause });
  }
}
