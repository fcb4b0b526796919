import { AnswerError } from './answer-error.js';

// Protocol buffers: a message is a row of fields, each a tag and a value.
//
//   tag              varint: field number << 3 | wire type
//   wire type 0      varint: 7 bits a byte, the lowest first, the top bit says that another one follows; at most 10 bytes
//   wire type 1, 5   8 bytes, 4 bytes
//   wire type 2      length as a varint, then that many bytes: text, bytes, a message
//   wire type 3, 4   begin and end of a group; unknown ones are skipped

export const VARINT = 0;
const FIXED64 = 1;
export const BYTES = 2;
const GROUP = 3;
const END_OF_GROUP = 4;
const FIXED32 = 5;

/** Nobody nests deeper; the stack would. */
const MAX_DEPTH = 100;
/** 29 bits of number and 3 of type. */
const MAX_TAG = 0xffff_ffff;

/** The text of a real server, which separates it by a no-break space (test/fixtures/goridge/rpc-php-errors.json). */
export const INVALID_PROTO = 'goridge_read_request_body: proto:\u00a0cannot parse invalid wire-format data';
/** What Go's protobuf says of a string that is no UTF-8. */
export const INVALID_TEXT = 'goridge_read_request_body: string field contains invalid UTF-8';

/** Up to here a loop is faster than a call into the runtime. Unit: bytes. */
const SHORT_TEXT = 16;

const EMPTY = Buffer.alloc(0);
const UTF8 = { fatal: true, ignoreBOM: true } as const;

/** Reads fields one after another. Every method throws {@link AnswerError} when the bytes are no message. */
export class ProtoCursor {
  bytes: Buffer = EMPTY;
  at = 0;
  readonly #decoder = new TextDecoder('utf-8', UTF8);

  begin(bytes: Buffer): void {
    this.bytes = bytes;
    this.at = 0;
  }

  /** The tag of the next field. */
  tag(end: number): number {
    const byte = this.bytes[this.at]!;
    if (byte < 0x80 && byte > 0x07) {
      this.at++;
      return byte;
    }
    const tag = this.int64(end);
    if (typeof tag !== 'number' || tag > MAX_TAG || tag < 0x08) throw invalid();
    return tag;
  }

  /** The length of a field of wire type 2, which ends before `end`. */
  length(end: number): number {
    const byte = this.at < end ? this.bytes[this.at]! : 0x80;
    let length: number | bigint = byte;
    if (byte < 0x80) this.at++;
    else length = this.int64(end);
    if (typeof length !== 'number' || length < 0 || length > end - this.at) throw invalid();
    return length;
  }

  /** A signed number: `bigint` where a number would not be exact. */
  int64(end: number): number | bigint {
    const { bytes } = this;
    let low = 0;
    let high = 0;
    // 28 bits at once stay exact: low holds bits 0 - 27, high the bits from 28 on.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#next(bytes, end);
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = this.#next(bytes, end);
      high |= (byte & 0x7f) << shift;
      if (byte < 0x80) return high * 0x1000_0000 + low;
    }
    return this.#rest64(end, BigInt(high * 0x1000_0000 + low));
  }

  /** Bits 49 to 63: negative numbers and those beyond 2^49. */
  #rest64(end: number, lower: bigint): number | bigint {
    let value = lower;
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#next(this.bytes, end);
      if (shift === 63n && byte > 1) throw invalid();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        const signed = BigInt.asIntN(64, value);
        const number = Number(signed);
        return Number.isSafeInteger(number) ? number : signed;
      }
    }
    throw invalid();
  }

  bool(end: number): boolean {
    const value = this.int64(end);
    return value !== 0;
  }

  /** The lower 32 bits. */
  int32(end: number): number {
    const value = this.int64(end);
    return typeof value === 'number' && value >= -0x8000_0000 && value < 0x8000_0000 ? value : Number(BigInt.asIntN(32, BigInt(value)));
  }

  /** Text of a string field that begins here. */
  text(length: number): string {
    const start = this.at;
    const end = (this.at = start + length);
    if (!this.isAscii(start, end)) return this.utf8(start, end);
    return length <= SHORT_TEXT ? this.#short(start, end) : this.bytes.toString('latin1', start, end);
  }

  isAscii(start: number, end: number): boolean {
    const { bytes } = this;
    for (let at = start; at < end; at++) if (bytes[at]! >= 0x80) return false;
    return true;
  }

  utf8(start: number, end: number): string {
    try {
      return this.#decoder.decode(this.bytes.subarray(start, end));
    } catch {
      throw new AnswerError(INVALID_TEXT);
    }
  }

  /** Skips the value of a field that nobody knows. */
  skip(tag: number, end: number, depth = 0): void {
    switch (tag & 7) {
      case VARINT:
        this.int64(end);
        return;
      case FIXED64:
        return this.#skipBytes(8, end);
      case BYTES:
        return this.#skipBytes(this.length(end), end);
      case GROUP:
        return this.#skipGroup(tag >>> 3, end, depth);
      case FIXED32:
        return this.#skipBytes(4, end);
      default:
        throw invalid();
    }
  }

  #short(start: number, end: number): string {
    const { bytes } = this;
    let text = '';
    let at = start;
    for (; at + 3 < end; at += 4) text += String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!);
    for (; at < end; at++) text += String.fromCharCode(bytes[at]!);
    return text;
  }

  #skipGroup(number: number, end: number, depth: number): void {
    if (depth === MAX_DEPTH) throw invalid();
    while (this.at < end) {
      const tag = this.tag(end);
      if ((tag & 7) === END_OF_GROUP) {
        if (tag >>> 3 !== number) throw invalid();
        return;
      }
      this.skip(tag, end, depth + 1);
    }
    throw invalid();
  }

  #skipBytes(count: number, end: number): void {
    if (count > end - this.at) throw invalid();
    this.at += count;
  }

  #next(bytes: Buffer, end: number): number {
    if (this.at >= end) throw invalid();
    return bytes[this.at++]!;
  }
}

function invalid(): AnswerError {
  return new AnswerError(INVALID_PROTO);
}
