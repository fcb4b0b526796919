import type { JobsLogger } from '../contract/logger.js';
import { checkText } from './checks.js';

interface Subscription {
  readonly prefix: string;
  readonly listener: (key: string) => void;
}

/** Who is told of changed keys. */
export class Subscriptions {
  readonly #logger: JobsLogger;
  readonly #all = new Set<Subscription>();

  /** @param logger - Told of listeners that throw. */
  constructor(logger: JobsLogger) {
    this.#logger = logger;
  }

  /** Answers the function that ends it. */
  add(prefix: string, listener: (key: string) => void): () => void {
    checkText(prefix, 'A prefix');
    const subscription = { prefix, listener };
    this.#all.add(subscription);
    return () => void this.#all.delete(subscription);
  }

  tell(keys: readonly string[]): void {
    if (this.#all.size > 0) for (const key of keys) this.#tellOf(key);
  }

  clear(): void {
    this.#all.clear();
  }

  #tellOf(key: string): void {
    for (const { prefix, listener } of [...this.#all]) {
      if (!key.startsWith(prefix)) continue;
      try {
        listener(key);
      } catch (error) {
        this.#logger.error(`A listener of the state store threw on key "${key}"; the write stands.`, { key, error });
      }
    }
  }
}
