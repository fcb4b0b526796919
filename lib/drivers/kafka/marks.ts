// Kafka keeps one offset of a group and partition: everything before it is done. It keeps a text with it, and there stands which records behind the
// offset are done, too:
//   "nrr1." and, in base64, one bit for each offset after the committed one; the lowest bit of the first byte is that of the next offset
// Who does not know the text, such as RoadRunner, ignores it and runs them again.

const PREFIX = 'nrr1.';
const BITS = 8;
/** A broker takes a text of 4096 bytes unless it is told otherwise (`offset.metadata.max.bytes`); in base64 these are 2000. */
const MAX_BYTES = 1_500;

/** How far behind the committed offset a record may be marked. Unit: offsets. */
export const MAX_MARKED = MAX_BYTES * BITS;

/** Offsets behind a committed one that are done. */
export class Marks {
  readonly #base: number;
  #bytes = Buffer.alloc(0);

  /** @param committed - The offset that they are behind. */
  constructor(committed: number) {
    this.#base = committed + 1;
  }

  /** False when it is too far behind. */
  add(offset: number): boolean {
    const bit = offset - this.#base;
    if (bit >= MAX_MARKED) return false;
    const place = Math.floor(bit / BITS);
    if (place >= this.#bytes.length) {
      const grown = Buffer.alloc(Math.min(MAX_BYTES, Math.max(place + 1, 2 * this.#bytes.length)));
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    this.#bytes[place]! |= 1 << (bit % BITS);
    return true;
  }

  /** As it is committed; empty when there are none. */
  toString(): string {
    const last = this.#bytes.findLastIndex((byte) => byte !== 0);
    return last === -1 ? '' : PREFIX + this.#bytes.toString('base64', 0, last + 1);
  }
}

/** The offsets that a text marks. None in a text that somebody else wrote. */
export function markedOffsets(committed: number, text: string): Set<number> {
  const marked = new Set<number>();
  if (!text.startsWith(PREFIX)) return marked;
  for (const [place, byte] of Buffer.from(text.slice(PREFIX.length), 'base64').entries()) {
    for (let bit = 0; bit < BITS; bit++) if ((byte & (1 << bit)) !== 0) marked.add(committed + 1 + place * BITS + bit);
  }
  return marked;
}
