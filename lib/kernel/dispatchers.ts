import type { Executor, Outcome } from '../contract/executor.js';
import { Dispatcher, type DispatcherOptions } from './dispatcher.js';
import type { Run } from './run.js';

/** The dispatchers of a kernel, one for each executor: which jobs run, and whether any does. */
export class Dispatchers {
  readonly #options: Omit<DispatcherOptions, 'executor'>;
  readonly #byExecutor = new Map<Executor, Dispatcher>();
  #whenIdle: (() => void) | undefined;

  /** @param options - Of each of them; `onIdle` is called when one is idle, while others may run. */
  constructor(options: Omit<DispatcherOptions, 'executor'>) {
    this.#options = options;
  }

  /** No job runs, and none is ready to. */
  get isIdle(): boolean {
    for (const dispatcher of this.#byExecutor.values()) if (dispatcher.running > 0 || dispatcher.hasWork) return false;
    return true;
  }

  /** Makes it at the first call. */
  of(executor: Executor): Dispatcher {
    let dispatcher = this.#byExecutor.get(executor);
    if (dispatcher === undefined) {
      dispatcher = new Dispatcher({ ...this.#options, executor, onIdle: () => this.#becameIdle() });
      this.#byExecutor.set(executor, dispatcher);
    }
    return dispatcher;
  }

  *runs(): Iterable<Run> {
    for (const dispatcher of this.#byExecutor.values()) yield* dispatcher.runs();
  }

  /** Gives the slot of `run` away; its handler goes on without one. */
  abandon(run: Run, outcome: Outcome): void {
    for (const dispatcher of this.#byExecutor.values()) dispatcher.abandon(run, outcome);
  }

  /** Nothing more is started. */
  stop(): void {
    for (const dispatcher of this.#byExecutor.values()) dispatcher.stop();
  }

  /** False when jobs still run, or are ready to, after `timeoutMs`. */
  idleWithin(timeoutMs: number): Promise<boolean> {
    if (this.isIdle) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = timeoutMs === Infinity ? undefined : this.#options.clock.setTimer(timeoutMs, () => end(false));
      const end = (isIdle: boolean): void => {
        this.#whenIdle = undefined;
        timer?.cancel();
        resolve(isIdle);
      };
      this.#whenIdle = () => {
        if (this.isIdle) end(true);
      };
    });
  }

  #becameIdle(): void {
    this.#whenIdle?.();
    this.#options.onIdle();
  }
}
