import { FrameError, type FrameErrorKind } from '../contract/rpc-errors.js';
import { headerCrc } from './crc32.js';
import { type Frame, HEADER_BYTES, MAX_OPTIONS, readWord, VERSION } from './frame.js';
import { PayloadBuffer } from './payload-buffer.js';

/** What a reader takes. */
export interface FrameLimits {
  /** Bytes of one payload. Default: 64 MiB. */
  readonly maxPayloadBytes?: number;
}

/** Where a reader stands: between two frames, or inside one. */
export type ReaderState = 'between' | 'header' | 'payload';

const DEFAULT_MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
/** The length of a header has 4 bits and counts words. */
const MAX_HEADER_BYTES = 15 * 4;
const MAX_EXCERPT = 256;
const NO_OPTIONS: readonly number[] = [];
const NO_BYTES = new Uint8Array(0);

/**
 * Chunks of any size in, frames out.
 *
 * A payload that lies inside one chunk is a view of it; another one is joined from its chunks by one copy, when all of it
 * is there. A length that a header claims allocates nothing. After an error nothing more is read: where the next frame
 * begins is not known.
 */
export class FrameReader {
  #maxPayloadBytes: number;
  /** A header that is not complete, and how much of it is there. */
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #headerFill = 0;
  /** The frame whose payload is not complete. */
  #begun: BegunFrame | undefined;
  #error: FrameError | undefined;

  constructor(limits: FrameLimits = {}) {
    this.#maxPayloadBytes = limits.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES;
  }

  get state(): ReaderState {
    if (this.#begun !== undefined) return 'payload';
    return this.#headerFill > 0 ? 'header' : 'between';
  }

  /** The frame whose payload is not complete, and how many bytes of it are held. */
  get begun(): { readonly flags: number; readonly options: readonly number[]; readonly heldBytes: number } | undefined {
    if (this.#begun === undefined) return undefined;
    const { flags, options, payload } = this.#begun;
    return { flags, options, heldBytes: payload.length };
  }

  /** Lets go of a payload that is not complete. Nothing may be read afterwards. */
  discard(): void {
    this.#begun = undefined;
  }

  /** For the frames whose header is still to come. */
  set maxPayloadBytes(bytes: number) {
    this.#maxPayloadBytes = bytes;
  }

  /**
   * Reads a chunk. `onFrame` is called for each frame that is complete and must not throw; the payload stays valid as
   * long as the chunk is not written to.
   *
   * @throws {@link FrameError} at the first bytes that are no frame, and at every later call.
   */
  read(chunk: Uint8Array, onFrame: (frame: Frame) => void): void {
    if (this.#error !== undefined) throw this.#error;
    let at = 0;
    if (this.#headerFill > 0) at = this.#continueHeader(chunk, onFrame);
    if (this.#begun !== undefined) at = this.#continuePayload(chunk, at, onFrame);
    while (chunk.length - at >= HEADER_BYTES) {
      this.#check(chunk, at);
      const headerBytes = headerBytesOf(chunk[at]);
      if (chunk.length - at < headerBytes) break;
      at = this.#readFrame(chunk, at, headerBytes, chunk, at + headerBytes, onFrame);
    }
    if (at < chunk.length) {
      this.#header.set(chunk.subarray(at), this.#headerFill);
      this.#headerFill += chunk.length - at;
    }
  }

  /** @throws {@link FrameError} of kind `cut` when the bytes end inside a frame. */
  end(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#begun !== undefined) {
      const { payloadBytes, payload } = this.#begun;
      this.#fail(
        'cut',
        `The bytes end inside a frame: ${payload.length} of ${payloadBytes} bytes of its payload came. The other side ended too early.`,
      );
    }
    if (this.#headerFill > 0) {
      this.#fail('cut', `The bytes end inside the header of a frame, after ${this.#headerFill} bytes. The other side ended too early.`);
    }
  }

  /** Completes the kept header from the chunk; answers where the chunk goes on. */
  #continueHeader(chunk: Uint8Array, onFrame: (frame: Frame) => void): number {
    const header = this.#header;
    let at = 0;
    if (this.#headerFill < HEADER_BYTES) {
      at = this.#fillHeader(chunk, at, HEADER_BYTES);
      if (this.#headerFill < HEADER_BYTES) return at;
      this.#check(header, 0);
    }
    const headerBytes = headerBytesOf(header[0]);
    at = this.#fillHeader(chunk, at, headerBytes);
    if (this.#headerFill < headerBytes) return at;
    this.#headerFill = 0;
    return this.#readFrame(header, 0, headerBytes, chunk, at, onFrame);
  }

  #fillHeader(chunk: Uint8Array, at: number, until: number): number {
    const end = Math.min(chunk.length, at + until - this.#headerFill);
    this.#header.set(chunk.subarray(at, end), this.#headerFill);
    this.#headerFill += end - at;
    return end;
  }

  #continuePayload(chunk: Uint8Array, at: number, onFrame: (frame: Frame) => void): number {
    const begun = this.#begun!;
    const end = Math.min(chunk.length, at + begun.payloadBytes - begun.payload.length);
    begun.payload.append(chunk, at, end);
    if (begun.payload.length === begun.payloadBytes) {
      this.#begun = undefined;
      onFrame({ flags: begun.flags, stream: begun.stream, options: begun.options, payload: begun.payload.join() });
    }
    return end;
  }

  /** Reads the frame whose whole header is at `at` of `header` and whose payload begins at `payloadAt` of the chunk; answers where the chunk goes on. */
  #readFrame(header: Uint8Array, at: number, headerBytes: number, chunk: Uint8Array, payloadAt: number, onFrame: (frame: Frame) => void): number {
    const flags = header[at + 1];
    const stream = header[at + 10];
    const payloadBytes = readWord(header, at + 2);
    const options = headerBytes === HEADER_BYTES ? NO_OPTIONS : readOptions(header, at + HEADER_BYTES, at + headerBytes);
    if (options.length > MAX_OPTIONS) {
      this.#fail('options', `A frame has ${options.length} options. It may have ${MAX_OPTIONS}.`, options, flags);
    }
    if (payloadBytes > this.#maxPayloadBytes) {
      const limit = `A frame claims a payload of ${payloadBytes} bytes, over the limit of ${this.#maxPayloadBytes}. Send less at once, or raise the limit.`;
      this.#fail('size', limit, options, flags);
    }
    const end = payloadAt + payloadBytes;
    if (end > chunk.length) {
      const payload = new PayloadBuffer();
      payload.append(chunk, payloadAt, chunk.length);
      this.#begun = { flags, stream, options, payloadBytes, payload };
      return chunk.length;
    }
    onFrame({ flags, stream, options, payload: payloadBytes === 0 ? NO_BYTES : chunk.subarray(payloadAt, end) });
    return end;
  }

  /** Looks at the first 12 bytes of a header. */
  #check(bytes: Uint8Array, at: number): void {
    const found = readWord(bytes, at + 6);
    if (found !== headerCrc(bytes, at)) this.#failAt(bytes, at, found);
    const version = bytes[at] >>> 4;
    if (version > VERSION) {
      this.#fail('version', `A frame has the protocol version ${version}. This side reads version ${VERSION}.`);
    }
  }

  // PHP prints "Could not open input file" where a frame should be; whatever else a process prints looks alike.
  #failAt(bytes: Uint8Array, at: number, crc: number): never {
    const excerpt = excerptOf(bytes, at);
    if (isText(bytes, at)) {
      const message = `Text stands where a frame should begin: "${excerpt}". The other side prints there, or speaks another protocol.`;
      this.#fail('noise', message, NO_OPTIONS, 0, excerpt);
    }
    const message = `The checksum ${crc.toString(16)} of a frame header is wrong. The other side lost bytes, prints there, or speaks another protocol.`;
    this.#fail('crc', message, NO_OPTIONS, 0, excerpt);
  }

  #fail(kind: FrameErrorKind, message: string, options = NO_OPTIONS, flags = 0, excerpt = ''): never {
    this.#begun = undefined;
    this.#error = new FrameError(kind, message, { options, flags, excerpt });
    throw this.#error;
  }
}

interface BegunFrame {
  readonly flags: number;
  readonly stream: number;
  readonly options: readonly number[];
  readonly payloadBytes: number;
  readonly payload: PayloadBuffer;
}

/** A count of words below 3 means no options, as in Go's reader. */
function headerBytesOf(first: number): number {
  return Math.max(HEADER_BYTES, (first & 0x0f) * 4);
}

function readOptions(bytes: Uint8Array, at: number, end: number): readonly number[] {
  if (end - at === 8) return [readWord(bytes, at), readWord(bytes, at + 4)];
  const options: number[] = [];
  for (let place = at; place < end; place += 4) options.push(readWord(bytes, place));
  return options;
}

function isText(bytes: Uint8Array, at: number): boolean {
  for (let place = at; place < at + HEADER_BYTES; place++) if (!isPrintable(bytes[place]) && !isSpace(bytes[place])) return false;
  return true;
}

function excerptOf(bytes: Uint8Array, at: number): string {
  let text = '';
  for (const byte of bytes.subarray(at, at + MAX_EXCERPT)) text += isPrintable(byte) ? String.fromCharCode(byte) : isSpace(byte) ? ' ' : '.';
  return text.trim();
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f;
}

function isSpace(byte: number): boolean {
  return byte >= 0x09 && byte <= 0x0d;
}
