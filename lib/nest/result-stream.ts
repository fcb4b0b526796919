import { from, Observable } from 'rxjs';
import type { Subscriber, Unsubscribable } from 'rxjs';

/** Shared: a reaction to it is the cheapest way into the next microtask (queueMicrotask makes an async resource each time). */
const SETTLED = Promise.resolve();

/** What rxjs makes, of this copy or another: told by its methods, as two copies share no class. */
export function isStream(value: unknown): value is Observable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as { readonly subscribe?: unknown; readonly pipe?: unknown };
  return typeof candidate.subscribe === 'function' && typeof candidate.pipe === 'function';
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return typeof (value as Partial<PromiseLike<unknown>>).then === 'function';
}

/** What an interceptor may answer with. @throws TypeError, in the words of rxjs, when there is nothing to subscribe to. */
export function toStream(value: unknown): Observable<unknown> {
  return isStream(value) ? value : from(value as PromiseLike<unknown>);
}

/**
 * Subscribes. Resolves to the last value at the end, to `undefined` when there was none; rejects with the stream's own error. When the signal aborts
 * it rejects with the reason, and the subscription ends: a stream that polls would go on for ever.
 */
function lastValueOf(stream: Observable<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let last: unknown;
    let subscription: Partial<Unsubscribable> | undefined = undefined;
    const onAbort = (): void => {
      try {
        subscription?.unsubscribe?.();
      } catch (error) {
        reject(error as Error); // thrown here it would end the process
      }
      reject(signal!.reason as Error);
    };
    if (signal?.aborted === true) return onAbort();
    const over = (): void => signal?.removeEventListener('abort', onAbort);
    signal?.addEventListener('abort', onAbort);
    subscription = stream.subscribe({
      next: (value) => {
        last = value;
      },
      error: (error: unknown) => {
        over();
        reject(error as Error);
      },
      complete: () => {
        over();
        resolve(last);
      },
    });
  });
}

/**
 * The end of a result: a plain value at once and without a promise, else the promise of it. A stream is subscribed to, and so is one that
 * a promise brings: left alone it would never run, and the job would count as done.
 *
 * @param job - A stream ends with the signal of this context, where it has one.
 */
export function followToEnd(result: unknown, job?: unknown): unknown {
  if (isThenable(result)) return Promise.resolve(result).then((value) => followStream(value, job));
  return followStream(result, job);
}

// The signal is made when it is read.
function followStream(result: unknown, job: unknown): unknown {
  return isStream(result) ? lastValueOf(result, (job as { readonly signal?: AbortSignal } | undefined)?.signal) : result;
}

/**
 * A cold stream of what `run` gives, like Nest's `next.handle()`: every subscription runs it again, in a microtask after the subscription.
 * A stream that `run` gives is passed on value by value; a result that comes after the subscription has ended is dropped.
 *
 * Nest binds `run` to the place where the stream was made with an AsyncResource, so that `als.run(store, () => next.handle())` reaches the
 * handler. Here the microtask is asked for at that place, which carries the same asynchronous context for the price of a reaction.
 */
export function deferred(run: () => unknown): Observable<unknown> {
  const start = new DeferredStart(run);
  return new Observable((subscriber) => start.await(subscriber));
}

class DeferredStart {
  readonly #run: () => unknown;
  #waiting: Subscriber<unknown>[] = [];
  #isComing = true;
  #wake: (() => void) | undefined;

  constructor(run: () => unknown) {
    this.#run = run;
    void SETTLED.then(() => this.#start());
  }

  await(subscriber: Subscriber<unknown>): void {
    this.#waiting.push(subscriber);
    if (this.#wake !== undefined) {
      this.#wake();
      this.#wake = undefined;
    } else if (!this.#isComing) {
      this.#isComing = true;
      void SETTLED.then(() => this.#start());
    }
  }

  #start(): void {
    if (this.#waiting.length === 0) {
      // Nobody has subscribed yet (an async interceptor): stay in this asynchronous context until someone does.
      void new Promise<void>((resolve) => {
        this.#wake = resolve;
      }).then(() => this.#start());
      return;
    }
    const subscribers = this.#waiting;
    this.#waiting = [];
    this.#isComing = false;
    for (const subscriber of subscribers) if (!subscriber.closed) this.#runFor(subscriber);
  }

  #runFor(subscriber: Subscriber<unknown>): void {
    let result: unknown;
    try {
      result = this.#run();
    } catch (error) {
      subscriber.error(error);
      return;
    }
    emit(result, subscriber);
  }
}

function emit(result: unknown, subscriber: Subscriber<unknown>): void {
  if (subscriber.closed) return;
  if (isThenable(result)) {
    void Promise.resolve(result).then(
      (value) => emit(value, subscriber),
      (error: unknown) => subscriber.error(error),
    );
  } else if (result instanceof Observable) {
    result.subscribe(subscriber);
  } else if (isStream(result)) {
    subscriber.add(from(result).subscribe(subscriber));
  } else {
    subscriber.next(result);
    subscriber.complete();
  }
}
