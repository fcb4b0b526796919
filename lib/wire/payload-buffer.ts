/** Chunks below this are copied together: kept one by one, single bytes would cost a hundred times their size. Unit: bytes. */
const SMALL_CHUNK = 4_096;

/** A payload that comes in pieces. What it holds grows with the bytes that came; the whole is made by one copy, at the end. */
export class PayloadBuffer {
  readonly #pieces: Uint8Array[] = [];
  /** The last piece, while it is ours and has room. */
  #open: Uint8Array | undefined;
  #openFill = 0;
  #length = 0;

  /** Bytes that came. */
  get length(): number {
    return this.#length;
  }

  append(chunk: Uint8Array, from: number, to: number): void {
    this.#length += to - from;
    let at = from;
    if (this.#open !== undefined) at = this.#fill(this.#open, chunk, from, to);
    if (to - at >= SMALL_CHUNK) {
      this.#closeOpen();
      this.#pieces.push(chunk.subarray(at, to));
    } else if (at < to) {
      this.#closeOpen();
      this.#open = new Uint8Array(SMALL_CHUNK);
      this.#fill(this.#open, chunk, at, to);
    }
  }

  /** All of it in one piece. The buffer must not be used afterwards. */
  join(): Uint8Array {
    this.#closeOpen();
    if (this.#pieces.length === 1) return this.#pieces[0];
    const whole = Buffer.allocUnsafeSlow(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  #fill(open: Uint8Array, chunk: Uint8Array, from: number, to: number): number {
    const end = Math.min(to, from + open.length - this.#openFill);
    open.set(chunk.subarray(from, end), this.#openFill);
    this.#openFill += end - from;
    return end;
  }

  #closeOpen(): void {
    if (this.#open === undefined) return;
    this.#pieces.push(this.#open.subarray(0, this.#openFill));
    this.#open = undefined;
    this.#openFill = 0;
  }
}
