import { ExponentialBackoff, halfJitterGenerator, type IBackoff } from 'cockatiel';
import type { Clock, Deadline, Timer } from '../../contract/clock.js';
import { messageOf } from '../../contract/thrown.js';
import { SqsFailure, type BatchOperation, type FailureKind, type SqsApi } from './api.js';
import { MAX_BATCH } from './config.js';

/** What a batch is made of: one item of one caller. */
interface Item {
  readonly entry: object;
  readonly bytes: number;
  readonly giveUpAt: number;
  readonly resolve: () => void;
  readonly reject: (error: BatchError) => void;
  /** A try of it had no answer. */
  isUncertain: boolean;
  /** In a request. */
  isUnderWay: boolean;
  /** To be asked for by itself: it, or one beside it, was refused. */
  isAlone: boolean;
  isSettled: boolean;
}

/** An item was not done, or nobody knows. */
export class BatchError extends Error {
  constructor(
    readonly kind: FailureKind,
    /** The service's own name of it. */
    readonly reason: string,
    readonly waitedMs: number,
    cause: unknown,
  ) {
    super(messageOf(cause), { cause });
    this.name = new.target.name;
  }
}

export interface BatchOptions {
  readonly api: SqsApi;
  readonly operation: BatchOperation;
  readonly clock: Clock;
  /** Requests under way at once: 1 keeps the order. */
  readonly parallel: number;
  readonly requestTimeoutMs: number;
  /** How long an item is tried; 0 is one try. */
  readonly patienceMs: number;
  url(): Promise<string>;
  /** The service says that there is no queue. `done`: without it there is nothing left to do. */
  onMissing(): 'retry' | 'done' | 'refuse';
  /** The service can be reached. */
  onAnswer(): void;
}

/** Small enough for every server; a larger message goes alone. Unit: bytes. */
const MAX_BATCH_BYTES = 262_144;
const INITIAL_DELAY_MS = 100;
const MAX_DELAY_MS = 2_000;

/**
 * Merges what is asked for at about the same time into requests of up to ten, and repeats what failed for a reason that
 * passes. While all requests are under way the next items gather, so that batches grow with the load.
 */
export class Batches {
  readonly #options: BatchOptions;
  readonly #firstBackoff: IBackoff<unknown>;
  #backoff: IBackoff<unknown>;
  readonly #waiting: Item[] = [];
  /** In the order of their coming, which is that of their giving up. */
  readonly #outstanding = new Set<Item>();
  #underWay = 0;
  #isFlushing = false;
  #pause: Timer | undefined;
  #giveUp: Timer | undefined;
  #lastFailure: SqsFailure | undefined;
  readonly #whenIdle: (() => void)[] = [];
  #isEnded = false;

  constructor(options: BatchOptions) {
    this.#options = options;
    this.#firstBackoff = new ExponentialBackoff({ initialDelay: INITIAL_DELAY_MS, maxDelay: MAX_DELAY_MS, generator: halfJitterGenerator }).next();
    this.#backoff = this.#firstBackoff;
  }

  /** Nothing is outstanding. */
  get isIdle(): boolean {
    return this.#outstanding.size === 0;
  }

  /** @throws BatchError */
  add(entry: object, bytes: number): Promise<void> {
    if (this.#isEnded) return Promise.reject(new BatchError('unreachable', 'Stopped', 0, new Error('the pipeline has stopped')));
    const { clock, patienceMs, requestTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const giveUpAt = clock.monotonic() + (patienceMs > 0 ? patienceMs : requestTimeoutMs);
      const item: Item = { entry, bytes, giveUpAt, resolve, reject, isUncertain: false, isUnderWay: false, isAlone: false, isSettled: false };
      this.#waiting.push(item);
      this.#outstanding.add(item);
      if (this.#giveUp === undefined) this.#armGiveUp();
      this.#flushSoon();
    });
  }

  /** Resolves when nothing is outstanding; at the deadline what is left is given up. */
  async settle(deadline: Deadline): Promise<void> {
    if (this.#outstanding.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(Math.min(deadline.remainingMs(), this.#options.patienceMs + this.#options.requestTimeoutMs), () => {
        for (const item of this.#outstanding) this.#giveUpOn(item);
      });
      this.#whenIdle.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Gives up what is outstanding, and takes no more. */
  end(): void {
    this.#isEnded = true;
    this.#pause?.cancel();
    for (const item of this.#outstanding) this.#giveUpOn(item);
  }

  // A microtask later, so that all that is asked for in one turn goes together.
  #flushSoon(): void {
    if (this.#isFlushing || this.#pause !== undefined) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#pause === undefined && this.#waiting.length > 0 && this.#underWay < this.#options.parallel) {
      const items = this.#take();
      if (items.length === 0) return;
      this.#underWay++;
      void this.#send(items).finally(() => {
        this.#underWay--;
        this.#flush();
      });
    }
  }

  #take(): Item[] {
    const items: Item[] = [];
    let bytes = 0;
    let taken = 0;
    for (const item of this.#waiting) {
      if (items.length === MAX_BATCH || (items.length > 0 && (item.isAlone || bytes + item.bytes > MAX_BATCH_BYTES))) break;
      taken++;
      if (item.isSettled) continue;
      item.isUnderWay = true;
      items.push(item);
      bytes += item.bytes;
      if (item.isAlone) break;
    }
    this.#waiting.splice(0, taken);
    return items;
  }

  /** Before all others, in their order. */
  #putBack(items: readonly Item[]): void {
    for (const item of items) item.isUnderWay = false;
    this.#waiting.unshift(...items);
  }

  // Never rejects: every item is settled, or waits for its next try.
  async #send(items: readonly Item[]): Promise<void> {
    const { api, operation, requestTimeoutMs } = this.#options;
    try {
      const Entries = items.map(({ entry }, index) => ({ Id: String(index), ...entry }));
      const QueueUrl = await this.#options.url();
      const { Failed = [] } = await api.call(operation, { QueueUrl, Entries }, { timeoutMs: requestTimeoutMs });
      this.#backoff = this.#firstBackoff;
      this.#lastFailure = undefined;
      this.#options.onAnswer();
      const failed = new Map(Failed.map((entry) => [entry.Id, entry]));
      const again: Item[] = [];
      for (const [index, item] of items.entries()) {
        const failure = failed.get(String(index));
        if (failure === undefined) this.#done(item);
        else if (failure.SenderFault === false) again.push(item);
        else this.#fail(item, new SqsFailure('refused', failure.Code ?? 'Error', failure.Message ?? failure.Code ?? 'no reason was given'));
      }
      if (again.length > 0) this.#retry(again, new SqsFailure('busy', 'Busy', 'the service took only a part of a batch'));
    } catch (error) {
      this.#failed(items, error instanceof SqsFailure ? error : new SqsFailure('refused', 'Error', String(error), { cause: error }));
    }
  }

  #failed(items: readonly Item[], failure: SqsFailure): void {
    if (failure.kind === 'refused') {
      if (items.length === 1) return this.#fail(items[0]!, failure);
      // One bad message may have spoilt the request for the others.
      for (const item of items) item.isAlone = true;
      return this.#putBack(items);
    }
    const remedy = failure.kind === 'missing' ? this.#options.onMissing() : 'retry';
    if (remedy !== 'retry') {
      for (const item of items) {
        if (remedy === 'done') this.#done(item);
        else this.#fail(item, failure);
      }
      return;
    }
    if (failure.kind === 'uncertain') for (const item of items) item.isUncertain = true;
    this.#retry(items, failure);
  }

  #retry(items: readonly Item[], failure: SqsFailure): void {
    this.#lastFailure = failure;
    const { clock, patienceMs } = this.#options;
    const left = items.filter((item) => !item.isSettled);
    if (patienceMs === 0) {
      for (const item of left) this.#fail(item, failure);
      return;
    }
    this.#putBack(left);
    if (this.#pause !== undefined || this.#isEnded) return;
    const delayMs = this.#backoff.duration;
    this.#backoff = this.#backoff.next(undefined);
    this.#pause = clock.setTimer(delayMs, () => {
      this.#pause = undefined;
      this.#flush();
    });
  }

  #done(item: Item): void {
    if (this.#remove(item)) item.resolve();
  }

  #fail(item: Item, failure: SqsFailure): void {
    const { clock, patienceMs, requestTimeoutMs } = this.#options;
    const waitedMs = Math.round(clock.monotonic() - item.giveUpAt + (patienceMs > 0 ? patienceMs : requestTimeoutMs));
    const kind = item.isUncertain && failure.kind !== 'refused' ? 'uncertain' : failure.kind;
    if (this.#remove(item)) item.reject(new BatchError(kind, failure.reason, waitedMs, failure));
  }

  // In a request: nobody knows. Waiting for one: it is not stored, unless a try before had no answer.
  #giveUpOn(item: Item): void {
    if (item.isUnderWay) item.isUncertain = true;
    const failure = this.#lastFailure ?? new SqsFailure('busy', 'Timeout', 'the requests before it took all of its time');
    const isKnown = !item.isUncertain && failure.kind === 'uncertain';
    this.#fail(item, isKnown ? new SqsFailure('busy', failure.reason, failure.message, { cause: failure }) : failure);
  }

  #remove(item: Item): boolean {
    if (item.isSettled) return false;
    item.isSettled = true;
    this.#outstanding.delete(item);
    if (this.#outstanding.size === 0) {
      this.#giveUp?.cancel();
      this.#giveUp = undefined;
      for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
    return true;
  }

  #armGiveUp(): void {
    const { clock } = this.#options;
    const [oldest] = this.#outstanding;
    if (oldest === undefined) return;
    this.#giveUp = clock.setTimer(oldest.giveUpAt - clock.monotonic(), () => {
      this.#giveUp = undefined;
      for (const item of this.#outstanding) {
        if (item.giveUpAt > clock.monotonic()) break;
        this.#giveUpOn(item);
      }
      this.#armGiveUp();
    });
  }
}
