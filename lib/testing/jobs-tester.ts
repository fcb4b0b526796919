import { jobNameOf, type JobName, type PayloadOf, type PushPayload } from '../client/define-job.js';
import { JobsArgumentError } from '../contract/errors.js';
import { JobsTestingError } from './errors.js';
import { HandlerRunner, type RunHandlerOptions } from './handler-runner.js';
import type { PartialPayload } from './payload-match.js';
import type { PushedJob, PushExpectation } from './push-log.js';
import type { TestBench } from './test-bench.js';
import type { JobsTestingMode, WaitingKind } from './test.driver.js';
import type { VirtualClock } from './virtual-clock.js';

/** What a pushed payload has to contain, or a function that says so. @publicApi */
export type PayloadMatcher<P> = PartialPayload<P> | ((payload: P, job: PushedJob<P>) => boolean);

/** Options of {@link JobsTester.drain}. @publicApi */
export interface DrainOptions {
  /** Only the jobs of this queue. Default: of all queues that are consumed. */
  readonly queue?: string;
  /**
   * Also jobs that wait for their time, by moving the clock: those pushed with a delay (`scheduled`), those that a run put
   * back (`retries`). Default: neither.
   */
  readonly with?: readonly WaitingKind[];
  /** How many runs there may be. Unit: runs. Range: 1 or more. Default: `10_000`. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 10_000;

/**
 * What a test does with the jobs of an application under `JobsTestingModule`: injectable, or `app.get(JobsTester)`.
 *
 * @example
 * await request(app.getHttpServer()).post('/signup').send({ email: 'ada@example.com' });
 * tester.expectPushed(WelcomeEmail, { to: 'ada@example.com' });
 * await tester.drain({ with: ['retries'] });
 *
 * @publicApi
 */
export class JobsTester {
  readonly #bench: TestBench;
  readonly #runner: HandlerRunner;

  constructor(bench: TestBench) {
    this.#bench = bench;
    this.#runner = new HandlerRunner(bench.kernels, bench.clock);
  }

  get mode(): JobsTestingMode {
    return this.#bench.mode;
  }

  /** The time of all kernels. Its own `advance()` moves it without waiting for the jobs that it starts. */
  get clock(): VirtualClock {
    return this.#bench.clock;
  }

  /** What was pushed so far, by handlers and replays too, in its order. A retry is no push. */
  pushed(): PushedJob[];
  pushed<Name extends JobName>(name: Name): PushedJob<PayloadOf<Name>>[];
  pushed(name?: JobName): PushedJob[] {
    return this.#bench.pushes.all(name === undefined ? undefined : jobNameOf(name));
  }

  /**
   * Expects a push of this job.
   *
   * @param matcher - What the payload has to contain, matchers as `expect.any(String)` among it; or a function that says so. Default: any.
   * @returns the first push that matches
   * @throws JobExpectationError when there is none, with a list of what was pushed.
   */
  expectPushed<Name extends JobName>(
    name: Name,
    matcher?: PayloadMatcher<PayloadOf<Name>>,
    expectation: PushExpectation = {},
  ): PushedJob<PayloadOf<Name>> {
    const found = this.#bench.pushes.expect({ ...expectation, name: jobNameOf(name), payload: matcher });
    return found as PushedJob<PayloadOf<Name>>;
  }

  /**
   * Expects that no such job was pushed.
   *
   * @throws JobExpectationError when one was, with a list of what was pushed.
   */
  expectNotPushed<Name extends JobName>(
    name: Name,
    matcher?: PayloadMatcher<PayloadOf<Name>>,
    expectation: Omit<PushExpectation, 'times'> = {},
  ): void {
    this.#bench.pushes.expectNone({ ...expectation, name: jobNameOf(name), payload: matcher });
  }

  /** Forgets what was pushed; jobs stay where they are. For tests that share an application. */
  clearPushed(): void {
    this.#bench.pushes.clear();
  }

  /**
   * Runs the jobs that are ready, those that they push among them, until nothing is left. What fails is retried as in
   * production: later, that is in a drain with `retries`.
   *
   * @returns how many runs there were
   * @throws JobsTestingError when nothing may run (mode `fake`, an application that has not started, a queue that is not
   * consumed), there would be more runs than `limit`, or a job does not end.
   */
  async drain(options: DrainOptions = {}): Promise<number> {
    const { queue, with: kinds = [], limit = DEFAULT_LIMIT } = options;
    if (this.mode === 'fake') throw new JobsTestingError('drain() has nothing to run: in mode "fake" jobs are only written down. Use mode "manual".');
    if (!Number.isInteger(limit) || limit < 1) throw new JobsArgumentError(`limit is ${limit}. Give a whole number of runs, 1 or more.`);
    this.#bench.checkStarted('drain()');
    return this.#bench.drain({ queue, kinds, limit });
  }

  /**
   * Moves the time of all kernels. Jobs become due on the way: inline they run, each at its moment, and their end is waited
   * for; in the other modes they wait for a drain. A run that goes on since before the call is not waited for.
   *
   * @param duration - A number is milliseconds. Text as `'10m'` or `'1h30m'`.
   * @throws JobsArgumentError when it is no duration.
   * @throws JobsTestingError when a job that it started does not end.
   */
  advance(duration: number | string): Promise<void> {
    return this.#bench.advance(duration);
  }

  /**
   * Runs one handler, in every mode, as the kernel would: payload through JSON, schema, guards, pipes, interceptors, filters,
   * request scope. Nothing is pushed or retried; what the handler asks of its job (`ack`, `fail`, `requeue`) has no effect.
   *
   * @returns what the handler returns, the last value of a stream included
   * @throws what the handler or something bound to it throws
   * @throws JobsTestingError when no handler, or more than one, takes the job.
   */
  async runHandler<Name extends JobName>(name: Name, payload: PushPayload<Name>, options: RunHandlerOptions = {}): Promise<unknown> {
    this.#bench.checkStarted('runHandler()');
    return this.#runner.run(name, payload, options);
  }
}
