import { DispatcherNotFoundError, JobsArgumentError } from '../contract/errors.js';
import type { KernelEnvironment } from '../contract/kernel-environment.js';
import type { KernelDispatcher } from '../contract/service.js';
import { FinalizerList } from './finalizer-list.js';

/** What a host tells, and with what. @publicApi */
export interface DispatcherHostEvents {
  /** `serve()` was called; nobody was asked yet. */
  serving: [];
  /** It can serve and is about to. */
  dispatcherFound: [dispatcher: KernelDispatcher];
  /** None can; `serve()` is about to reject. */
  dispatcherNotFound: [];
  /** The finalizers are about to run. */
  finalizing: [terminate: boolean];
}

type Listeners = { readonly [E in keyof DispatcherHostEvents]: ((...facts: DispatcherHostEvents[E]) => void)[] };

/**
 * The dispatchers of an application: the first that can serve this process does.
 *
 * @publicApi
 */
export class DispatcherHost {
  /** What runs after every job or payload. */
  readonly finalizer = new FinalizerList((terminate) => this.#tell('finalizing', terminate));
  readonly #environment: KernelEnvironment;
  readonly #dispatchers: KernelDispatcher[] = [];
  readonly #listeners: Listeners = { serving: [], dispatcherFound: [], dispatcherNotFound: [], finalizing: [] };
  #isServing = false;

  constructor(environment: KernelEnvironment) {
    this.#environment = environment;
  }

  /**
   * Adds one behind the others.
   *
   * @throws JobsArgumentError when `serve()` was called.
   */
  addDispatcher(dispatcher: KernelDispatcher): this {
    if (this.#isServing) throw new JobsArgumentError(`${nameOf(dispatcher)} was added after serve(). Add dispatchers before it is called.`);
    this.#dispatchers.push(dispatcher);
    return this;
  }

  /** Listens to an event. A listener must not throw. */
  on<E extends keyof DispatcherHostEvents>(event: E, listener: (...facts: DispatcherHostEvents[E]) => void): this {
    this.#listeners[event].push(listener);
    return this;
  }

  /**
   * Asks the dispatchers in the order they were added and lets the first that can serve do it; those behind it are not asked.
   *
   * @returns What it resolves with.
   * @throws DispatcherNotFoundError (as a rejection) when none can.
   * @throws JobsArgumentError (as a rejection) when it was called before.
   */
  async serve(): Promise<unknown> {
    if (this.#isServing) throw new JobsArgumentError('serve() was called a second time. A process serves one source, once.');
    this.#isServing = true;
    this.#tell('serving');
    for (const dispatcher of this.#dispatchers) {
      if (!(await dispatcher.canServe(this.#environment))) continue;
      this.#tell('dispatcherFound', dispatcher);
      return await dispatcher.serve();
    }
    this.#tell('dispatcherNotFound');
    throw new DispatcherNotFoundError(this.#environment.mode, this.#dispatchers.map(nameOf));
  }

  #tell<E extends keyof DispatcherHostEvents>(event: E, ...facts: DispatcherHostEvents[E]): void {
    for (const listener of this.#listeners[event]) listener(...facts);
  }
}

function nameOf(dispatcher: KernelDispatcher): string {
  return dispatcher.constructor.name;
}
