import { JobsArgumentError } from '../contract/errors.js';
import { headerCrc } from './crc32.js';

// A goridge frame, as RoadRunner 2025.1.15 reads and writes it (recorded: test/fixtures/goridge). All numbers are little-endian.
//
//   0        version << 4 | words of the header (3 without options)
//   1        flags
//   2 - 5    bytes of the payload
//   6 - 9    CRC-32 of bytes 0 - 5 only
//   10       stream bits
//   11       0
//   12 ...   options, 4 bytes each, at most 10
//   ...      payload

/** The bits of byte 1. @publicApi */
export const FrameFlag = { control: 0x01, raw: 0x04, json: 0x08, msgpack: 0x10, gob: 0x20, error: 0x40, proto: 0x80 } as const;

/** The bits of byte 10. */
export const StreamBit = { stream: 0x01, stop: 0x02, ping: 0x04, pong: 0x08 } as const;

/** One message of goridge. */
export interface Frame {
  readonly flags: number;
  readonly stream: number;
  /** Each 0 to 2^32 - 1. */
  readonly options: readonly number[];
  readonly payload: Uint8Array;
}

/** What makes a frame; what is absent is 0 or empty. */
export interface FrameParts {
  readonly flags: number;
  readonly stream?: number;
  readonly options?: readonly number[];
  readonly payload?: Uint8Array;
}

export const VERSION = 1;
/** Bytes of a header without options. */
export const HEADER_BYTES = 12;
/** A reader of Go ends its process when there are more. */
export const MAX_OPTIONS = 10;

const NO_OPTIONS: readonly number[] = [];
const NO_BYTES = new Uint8Array(0);

/**
 * The bytes of a frame, in one piece.
 *
 * @throws {@link JobsArgumentError} when there are more than 10 options: such a frame would end a RoadRunner that reads it.
 */
export function encodeFrame(frame: FrameParts): Uint8Array {
  const { flags, stream = 0, options = NO_OPTIONS, payload = NO_BYTES } = frame;
  if (options.length > MAX_OPTIONS) throw new JobsArgumentError(`A frame has ${options.length} options. It may have ${MAX_OPTIONS}.`);
  const headerBytes = HEADER_BYTES + options.length * 4;
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length);
  writeHeader(bytes, 0, flags, stream, options.length, payload.length);
  for (let index = 0; index < options.length; index++) writeWord(bytes, HEADER_BYTES + index * 4, options[index]);
  bytes.set(payload, headerBytes);
  return bytes;
}

/** Writes the first 12 bytes of a frame; the options and the payload follow behind it. */
export function writeHeader(target: Uint8Array, at: number, flags: number, stream: number, options: number, payloadBytes: number): void {
  target[at] = (VERSION << 4) | (3 + options);
  target[at + 1] = flags;
  writeWord(target, at + 2, payloadBytes);
  writeWord(target, at + 6, headerCrc(target, at));
  target[at + 10] = stream;
  target[at + 11] = 0;
}

/** Writes 32 bits. */
export function writeWord(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

/** Reads 32 bits, unsigned. */
export function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
