import type { JobFailure } from './failure.js';
import type { JobHeaders } from './job.js';
import { errorOf } from './thrown.js';

/** What every event of a job tells. @publicApi */
export interface JobEvent {
  /** Of `pushed`, `active` and `completed` it is made at the first read: copied by a spread, those are without it. */
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly headers: JobHeaders;
  /** 0 at the push, 1 at the first run. */
  readonly attempt: number;
}

/** @publicApi */
export interface JobsEventMap {
  pushed: JobEvent;
  active: JobEvent;
  progress: JobEvent & { readonly progress: unknown };
  completed: JobEvent & { readonly durationMs: number };
  /** A run failed and another one follows after `delayMs`. */
  retrying: JobEvent & { readonly error: JobFailure; readonly delayMs: number };
  /** The job will not run again; `target` says where it went. */
  failed: JobEvent & { readonly error: JobFailure; readonly target: string };
  timedOut: JobEvent & { readonly timeoutMs: number };
  cancelled: JobEvent & { readonly reason: string };
  paused: { readonly queue: string };
  resumed: { readonly queue: string };
  /** The last waiting job of a kernel was settled. */
  drained: Record<string, never>;
  /** An error that nobody awaits; a `ServiceFailedError` when a service cannot go on. */
  error: { readonly error: Error; readonly queue?: string; readonly jobId?: string };
}

/** @publicApi */
export type JobsEventName = keyof JobsEventMap;

/** One field per event, `undefined` while nobody listens: then an event costs one read. */
export type JobsEvents = { [E in JobsEventName]: ((event: JobsEventMap[E]) => void) | undefined };

/** Joins listeners to the one function that the kernel calls. What a listener throws, or an async one rejects with, goes to `error`, never to the kernel. */
export class JobsEventHub {
  readonly events: JobsEvents = {
    pushed: undefined,
    active: undefined,
    progress: undefined,
    completed: undefined,
    retrying: undefined,
    failed: undefined,
    timedOut: undefined,
    cancelled: undefined,
    paused: undefined,
    resumed: undefined,
    drained: undefined,
    error: undefined,
  };
  readonly #listeners = new Map<JobsEventName, ((event: never) => void)[]>();

  /** Answers the function that ends it. */
  on<E extends JobsEventName>(name: E, listener: (event: JobsEventMap[E]) => void): () => void {
    const own = (event: JobsEventMap[E]): void => listener(event); // the same function may listen twice
    this.#set(name, [...(this.#listeners.get(name) ?? []), own]);
    return () =>
      this.#set(
        name,
        (this.#listeners.get(name) ?? []).filter((one) => one !== own),
      );
  }

  #set<E extends JobsEventName>(name: E, listeners: ((event: never) => void)[]): void {
    this.#listeners.set(name, listeners);
    const calls = listeners as ((event: JobsEventMap[E]) => void)[];
    const field: JobsEvents[E] = calls.length === 0 ? undefined : (((event: JobsEventMap[E]) => this.#emit(name, calls, event)) as JobsEvents[E]);
    (this.events as Record<JobsEventName, unknown>)[name] = field;
  }

  #emit<E extends JobsEventName>(name: E, listeners: readonly ((event: JobsEventMap[E]) => void)[], event: JobsEventMap[E]): void {
    for (const listener of listeners) {
      try {
        const answer: unknown = listener(event);
        if (answer instanceof Promise) answer.catch((error: unknown) => this.#report(name, error));
      } catch (error) {
        this.#report(name, error);
      }
    }
  }

  // A listener of errors that fails itself would be told of it for ever.
  #report(name: JobsEventName, thrown: unknown): void {
    if (name !== 'error') this.events.error?.({ error: errorOf(thrown) });
  }
}
