import { ExponentialBackoff, halfJitterGenerator, type IBackoff } from 'cockatiel';
import type { Clock, Deadline } from '../../contract/clock.js';
import type { JobsLogger } from '../../contract/logger.js';
import { messageOf } from '../../contract/thrown.js';
import { SqsFailure, type SqsApi, type SqsMessage } from './api.js';
import type { SqsSettings } from './config.js';
import type { SqsQueue } from './queue.js';

export interface ReceiverOptions {
  readonly pipeline: string;
  readonly api: SqsApi;
  readonly queue: SqsQueue;
  readonly settings: SqsSettings;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  /** How many messages are wanted. */
  room(): number;
  /** Calls back once, when there is more of it. */
  onRoom(callback: () => void): void;
  /** Before each receive. */
  hidesFor(visibilitySeconds: number): void;
  /** Takes over what came, whether it is still wanted or not. */
  received(messages: readonly SqsMessage[]): void;
}

const INITIAL_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;
/** Between two receives that found nothing and did not wait for it. */
const IDLE_PAUSE_MS = 1_000;
/**
 * How long a stop waits for the receives under way. A receive that is cut off may still be handed messages by the
 * service, which are then hidden for nobody until their time is over. In a busy queue no receive takes that long.
 */
const POLL_GRACE_MS = 1_000;

/** Receives while there is room, whatever happens to the service meanwhile. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #firstBackoff: IBackoff<unknown>;
  readonly #stop = new AbortController();
  readonly #wake = (): void => this.#wakeAll();
  #backoff: IBackoff<unknown>;
  #phase: 'idle' | 'running' | 'paused' | 'stopped' = 'idle';
  /** What receives under way may still bring. */
  #asked = 0;
  #failure: string | undefined;
  /** The failure is that nobody answers. */
  #isUnanswered = false;
  #loops: Promise<void>[] = [];
  readonly #sleepers = new Set<() => void>();

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#firstBackoff = new ExponentialBackoff({ initialDelay: INITIAL_DELAY_MS, maxDelay: MAX_DELAY_MS, generator: halfJitterGenerator }).next();
    this.#backoff = this.#firstBackoff;
  }

  get isRunning(): boolean {
    return this.#phase === 'running';
  }

  /** True while it consumes: neither paused nor without its service. */
  get isReady(): boolean {
    return this.#phase === 'running' && this.#loops.length > 0 && this.#failure === undefined;
  }

  /** @throws SqsFailure when the service refuses the queue; a service that cannot be reached is waited for. */
  async run(): Promise<void> {
    if (this.#phase !== 'idle') return this.resume();
    // A pause or a stop may come meanwhile.
    this.#phase = 'running';
    try {
      await this.#options.queue.facts();
    } catch (error) {
      if (this.#isStopped) return;
      const isFinal =
        error instanceof SqsFailure && (error.kind === 'refused' || (error.kind === 'missing' && this.#options.settings.skipDeclaration));
      if (isFinal) {
        this.#phase = 'idle';
        throw error;
      }
      this.#down(error);
    }
    if (this.#isStopped) return;
    this.#loops = Array.from({ length: this.#options.settings.receivers }, () => this.#loop());
  }

  pause(): void {
    if (this.#phase === 'running') this.#phase = 'paused';
  }

  resume(): void {
    if (this.#phase === 'paused') this.#phase = 'running';
    this.#wakeAll();
  }

  get #isStopped(): boolean {
    return this.#phase === 'stopped';
  }

  /** Somebody else has reached the service: the wait for it is over. */
  answered(): void {
    if (!this.#isUnanswered) return;
    this.#isUnanswered = false;
    this.#wakeAll();
  }

  async stop(deadline: Deadline): Promise<void> {
    this.#phase = 'stopped';
    this.#wakeAll();
    const timer = this.#options.clock.setTimer(Math.min(POLL_GRACE_MS, deadline.remainingMs()), () => this.#stop.abort());
    await Promise.all(this.#loops);
    timer.cancel();
    this.#stop.abort();
  }

  // Never rejects.
  async #loop(): Promise<void> {
    const { settings, room } = this.#options;
    while (this.#phase !== 'stopped') {
      const wanted = this.#phase === 'running' ? Math.min(settings.batch, room() - this.#asked) : 0;
      if (wanted > 0) await this.#receive(wanted);
      else await this.#sleep();
    }
  }

  async #receive(wanted: number): Promise<void> {
    this.#asked += wanted;
    let messages: readonly SqsMessage[] = [];
    let pauseMs = 0;
    try {
      const { Messages = [], waited } = await this.#ask(wanted);
      messages = Messages;
      if (messages.length === 0 && !waited) pauseMs = IDLE_PAUSE_MS;
      this.#up();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (error instanceof SqsFailure && error.kind === 'missing') this.#options.queue.forget();
      this.#down(error);
      pauseMs = this.#backoff.duration;
      this.#backoff = this.#backoff.next(undefined);
    } finally {
      this.#asked -= wanted;
    }
    if (messages.length > 0) this.#options.received(messages);
    if (this.#loops.length > 1) this.#wakeAll();
    if (pauseMs > 0) await this.#sleep(pauseMs);
  }

  async #ask(wanted: number): Promise<{ readonly Messages?: readonly SqsMessage[]; readonly waited: boolean }> {
    const { api, queue, settings, hidesFor } = this.#options;
    const facts = await unlessAborted(this.#stop.signal, queue.facts());
    // After a failure the first answer is to come at once: it says that all is well again.
    const waitSeconds = this.#failure === undefined ? settings.waitSeconds || facts.waitSeconds : 0;
    // Said with each receive: the attribute of the queue may change at any time, and what is lent is extended by this one.
    const visibilitySeconds = settings.visibilitySeconds || facts.visibilitySeconds;
    hidesFor(visibilitySeconds);
    const { Messages } = await api.call(
      'ReceiveMessage',
      {
        QueueUrl: facts.url,
        MaxNumberOfMessages: wanted,
        WaitTimeSeconds: waitSeconds,
        VisibilityTimeout: visibilitySeconds,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      },
      { timeoutMs: waitSeconds * 1_000 + settings.requestTimeoutMs, stop: this.#stop.signal },
    );
    return { ...(Messages === undefined ? {} : { Messages }), waited: waitSeconds > 0 || this.#failure !== undefined };
  }

  #up(): void {
    this.#backoff = this.#firstBackoff;
    this.#isUnanswered = false;
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.logger.info(`Pipeline "${this.#options.pipeline}" receives from its queue again.`);
  }

  #down(error: unknown): void {
    const reason = messageOf(error);
    this.#isUnanswered = error instanceof SqsFailure && (error.kind === 'unreachable' || error.kind === 'uncertain');
    if (reason === this.#failure) return;
    this.#failure = reason;
    const { pipeline, settings, logger } = this.#options;
    logger.warn(`Pipeline "${pipeline}" cannot receive from queue "${settings.queue}" and goes on trying: ${reason}`);
  }

  /** Until there is room, a resume or a stop; with a time, until that or a stop. */
  async #sleep(ms?: number): Promise<void> {
    if (this.#phase === 'stopped') return;
    const { clock, onRoom } = this.#options;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        timer?.cancel();
        this.#sleepers.delete(wake);
        resolve();
      };
      const timer = ms === undefined ? undefined : clock.setTimer(ms, wake);
      this.#sleepers.add(wake);
      if (ms === undefined && this.#phase === 'running') onRoom(this.#wake);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#sleepers]) wake();
  }
}

/** Rejects with the signal, whatever becomes of the work. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
