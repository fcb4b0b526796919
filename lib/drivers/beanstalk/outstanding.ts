/** Counts what is under way, so that a stop can wait for it. */
export class Outstanding {
  readonly #waiting: (() => void)[] = [];
  readonly #end = (): void => this.#ended();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The same promise. */
  add(work: Promise<void>): Promise<void> {
    this.#count++;
    work.then(this.#end, this.#end);
    return work;
  }

  whenNone(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #ended(): void {
    if (--this.#count > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
