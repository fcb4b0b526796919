import type { Finalizer, FinalizerFunction } from '../contract/service.js';
import { messageOf } from '../contract/thrown.js';

/**
 * The finalizers of a process, in the order they were added.
 *
 * @publicApi
 */
export class FinalizerList implements Finalizer {
  readonly #functions: FinalizerFunction[] = [];
  readonly #onFinalizing: (terminate: boolean) => void;

  /** @param onFinalizing - Is told before each run. */
  constructor(onFinalizing: (terminate: boolean) => void = () => {}) {
    this.#onFinalizing = onFinalizing;
  }

  /** Nothing was added: a run would do nothing. */
  get isEmpty(): boolean {
    return this.#functions.length === 0;
  }

  add(finalize: FinalizerFunction): this {
    this.#functions.push(finalize);
    return this;
  }

  async finalize(terminate = false): Promise<void> {
    this.#onFinalizing(terminate);
    const errors: unknown[] = [];
    for (const finalize of [...this.#functions]) {
      try {
        await finalize(terminate);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 0) return;
    const reasons = errors.map(messageOf).join('; ');
    throw new AggregateError(errors, `${errors.length} of ${this.#functions.length} finalizers failed, the others have run: ${reasons}`);
  }
}
