import { Injectable } from '@nestjs/common';

/** What a worker remembers of the payload in its hands; a finalizer clears it before the next one. */
@Injectable()
export class Memory {
  readonly #words = new Map<string, number>();

  add(word: string): void {
    this.#words.set(word, (this.#words.get(word) ?? 0) + 1);
  }

  get size(): number {
    return this.#words.size;
  }

  clear(): void {
    this.#words.clear();
  }
}
