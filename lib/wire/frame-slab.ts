import { HEADER_BYTES, writeHeader, writeWord } from './frame.js';

/** Room for some hundred small frames. A frame that does not fit gets bytes of its own. */
const SLAB_BYTES = 32 * 1024;
/** UTF-8 needs at most so many bytes for a unit of a JavaScript text. */
const MAX_BYTES_PER_UNIT = 3;
const OPTION_BYTES = 4;

/**
 * Puts the frames of one turn behind one another, so that they leave in one write: header, options, context and body of each.
 * What was taken is never written to again.
 */
export class FrameSlab {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #end = 0;
  /** What stands before the slab. */
  readonly #full: Uint8Array[] = [];

  get isEmpty(): boolean {
    return this.#end === this.#start && this.#full.length === 0;
  }

  /**
   * Its first option is the length of the context.
   *
   * @param number - The second option; without it the frame has one.
   */
  add(flags: number, context: string | Uint8Array, body: string | Uint8Array, number: number | undefined): void {
    const options = number === undefined ? 1 : 2;
    const contextAt = HEADER_BYTES + options * OPTION_BYTES;
    this.#makeRoom(contextAt + mostBytes(context) + mostBytes(body));
    const slab = this.#slab;
    const at = this.#end;
    const contextBytes = write(slab, context, at + contextAt);
    const bodyBytes = write(slab, body, at + contextAt + contextBytes);
    writeHeader(slab, at, flags, 0, options, contextBytes + bodyBytes);
    writeWord(slab, at + HEADER_BYTES, contextBytes);
    if (number !== undefined) writeWord(slab, at + HEADER_BYTES + OPTION_BYTES, number);
    this.#end = at + contextAt + contextBytes + bodyBytes;
  }

  /** A frame that is there already; it is not copied. */
  addFrame(frame: Uint8Array): void {
    this.#setAside();
    this.#full.push(frame);
  }

  /** Gives every piece to `send`, in order. */
  take(send: (bytes: Uint8Array) => void): void {
    if (this.#full.length > 0) for (const bytes of this.#full.splice(0)) send(bytes);
    if (this.#end === this.#start) return;
    const bytes = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    send(bytes);
  }

  #makeRoom(bytes: number): void {
    if (this.#slab.length - this.#end >= bytes) return;
    this.#setAside();
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
    this.#start = this.#end = 0;
  }

  #setAside(): void {
    if (this.#end > this.#start) this.#full.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

// Long texts are measured: three times their length would be too much to take for nothing.
function mostBytes(part: string | Uint8Array): number {
  if (typeof part !== 'string') return part.length;
  const most = part.length * MAX_BYTES_PER_UNIT;
  return most <= SLAB_BYTES / 4 ? most : Buffer.byteLength(part);
}

function write(slab: Buffer, part: string | Uint8Array, at: number): number {
  if (typeof part === 'string') return part.length === 0 ? 0 : slab.write(part, at);
  slab.set(part, at);
  return part.length;
}
