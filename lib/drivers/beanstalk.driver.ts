import type { Deadline, Timer } from '../contract/clock.js';
import type { Driver, DriverContext } from '../contract/driver.js';
import { DONE, type Done, type Job, type JobHeaders } from '../contract/job.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import type { JobPage, JobQuery } from '../contract/kernel-admin.js';
import {
  BrokerRefusedError,
  BrokerUnavailableError,
  DriverStoppedError,
  NotSupportedByDriverError,
  PushUncertainError,
} from '../contract/pipeline-errors.js';
import { BeanstalkClient } from './beanstalk/client.js';
import { MAX_UINT32, resolveSettings, seconds, type BeanstalkOptions, type BeanstalkSettings } from './beanstalk/config.js';
import { Consumer } from './beanstalk/consumer.js';
import { BeanstalkDelivery, type DeliveryHolder } from './beanstalk/delivery.js';
import { decodeEnvelope, encodeEnvelope } from './beanstalk/envelope.js';
import { numberOf, type FinishEnd, type FinishVerb, type Lane, type LeasedJob } from './beanstalk/lane.js';
import { LeaseKeeper } from './beanstalk/lease-keeper.js';
import { Outstanding } from './beanstalk/outstanding.js';
import { Patience } from './beanstalk/patience.js';
import type { Reply } from './beanstalk/reply-reader.js';
import { TubeAdmin } from './beanstalk/tube-admin.js';
import { SupervisedConnection } from './supervised-connection.js';

export { capabilities, options } from './beanstalk/config.js';
export type { BeanstalkOptions } from './beanstalk/config.js';

/** How long the first connection is waited for before a pipeline is said to run without one. Unit: milliseconds. */
const READY_MS = 2_000;
/** How long counts are waited for while there is no connection. Unit: milliseconds. */
const STAT_MS = 1_000;
const NO_COUNTS = { reserved: 0, delayed: 0 };

/** Jobs live in a tube of beanstalkd, shared with every other kernel, RoadRunner included. */
export function createDriver(context: DriverContext<BeanstalkOptions>): Driver {
  return new BeanstalkDriver(context);
}

type Talk = SupervisedConnection<BeanstalkClient>;

class BeanstalkDriver implements Driver, DeliveryHolder {
  readonly #context: DriverContext<BeanstalkOptions>;
  readonly #settings: BeanstalkSettings;
  readonly #resource: string;
  readonly #consumer: Consumer;
  readonly #leases: LeaseKeeper;
  readonly #admin: TubeAdmin;
  readonly #patience: Patience;
  /** Pushes and settlements without an answer. */
  readonly #outstanding = new Outstanding();
  /** Automatically acknowledged jobs on their way out of beanstalkd. */
  readonly #removals = new Outstanding();
  /** Ends the waits for a connection. */
  readonly #stopping = new AbortController();
  #talk: Talk | undefined;
  #lent = 0;
  #phase: 'idle' | 'running' | 'paused' | 'stopped' = 'idle';
  #stopped: Promise<void> | undefined;

  constructor(context: DriverContext<BeanstalkOptions>) {
    this.#context = context;
    this.#settings = resolveSettings(context);
    const { addressText, ttrSeconds } = this.#settings;
    this.#resource = `beanstalk:${addressText}:${ttrSeconds}`;
    this.#consumer = new Consumer({
      clock: context.clock,
      sink: context.sink,
      reserveSeconds: this.#settings.reserveSeconds,
      connect: () => this.#connectLane(),
      received: (lane, reply) => this.#received(lane, reply),
      underway: () => this.#removals.count,
      lost: (lane, error) => this.#laneLost(lane, error),
    });
    this.#leases = new LeaseKeeper(context.clock, this.#consumer.lanes, (leased) => this.#leaseLost(leased));
    const { pipeline, driver, priority, clock, pushTimeoutMs } = context;
    this.#patience = new Patience(clock, pushTimeoutMs);
    this.#admin = new TubeAdmin({
      tube: this.#settings.tube,
      pipeline,
      priority,
      clock,
      stopping: this.#stopping.signal,
      connect: () => this.#connectAdmin(),
      broken: (error) => new BrokerUnavailableError(pipeline, driver, 0, error, 'not all that was asked was done'),
    });
  }

  get queue(): string {
    return this.#settings.tube;
  }

  async open(): Promise<void> {
    const { resources, clock, logger } = this.#context;
    const { addressText, connectTimeoutMs } = this.#settings;
    this.#talk = await resources.share(this.#resource, async () => {
      const talk: Talk = new SupervisedConnection<BeanstalkClient>({
        driver: 'beanstalk',
        name: addressText,
        connect: async (signal) => {
          const client = await this.#connect(signal);
          client.onLost = (error) => talk.lost(client, error);
          return client;
        },
        close: async (client) => client.close(),
        clock,
        logger,
        connectTimeoutMs,
      });
      talk.start();
      return talk;
    });
  }

  push(job: Job): Promise<void> {
    if (this.#phase === 'stopped' || this.#talk === undefined) return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    return this.#outstanding.add(this.#put(job, job.headers, job.delayMs));
  }

  async run(): Promise<void> {
    await this.resume();
    await this.#consumer.whenReady(READY_MS);
  }

  async pause(): Promise<void> {
    if (this.#phase !== 'running') return;
    this.#phase = 'paused';
    await this.#consumer.pause();
    await this.#removals.whenNone();
  }

  resume(): Promise<void> {
    if (this.#phase === 'stopped') return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    this.#phase = 'running';
    this.#consumer.start();
    return DONE;
  }

  stop(deadline: Deadline): Promise<void> {
    this.#stopped ??= this.#stop(deadline);
    return this.#stopped;
  }

  async stat(): Promise<PipelineStat> {
    const { pipeline, driver, priority } = this.#context;
    const { queue } = this;
    const counts = await this.#counts();
    return { pipeline, driver, queue, active: this.#lent, ...counts, ready: this.#phase === 'running' && this.#consumer.isReady, priority };
  }

  browse(query: JobQuery): Promise<JobPage> {
    return this.#admin.browse(query);
  }

  remove(id: string): Promise<boolean> {
    return this.#admin.remove(id);
  }

  promote(id: string): Promise<boolean> {
    return this.#admin.promote(id);
  }

  purge(query: JobQuery): Promise<number> {
    return this.#admin.purge(query);
  }

  // The holder's side. The kernel's slot is free when these return; beanstalkd's answer comes later.

  settled(delivery: BeanstalkDelivery): Done {
    this.#lent--;
    // Without a promise: there are as many of these as jobs.
    if (!delivery.isRemoved) delivery.lane.finish(delivery, 'delete', '', (end, word) => this.#ended(delivery, 'delete', end, word));
  }

  buried(delivery: BeanstalkDelivery): Done {
    this.#lent--;
    if (!delivery.isRemoved) return this.#outstanding.add(this.#giveUp(delivery, 'bury'));
  }

  putBack(delivery: BeanstalkDelivery, delayMs: number): Done {
    this.#lent--;
    if (delivery.isRemoved) return this.#outstanding.add(this.#put(delivery.job, delivery.job.headers, delayMs));
    return this.#outstanding.add(this.#giveUp(delivery, 'release', delayMs));
  }

  replaced(delivery: BeanstalkDelivery, headers: JobHeaders, delayMs: number): Done {
    this.#lent--;
    // beanstalkd has it back already, and hands it out as it was.
    if (!delivery.isRemoved && !delivery.lane.holds(delivery)) return;
    return this.#outstanding.add(this.#replace(delivery, headers, delayMs));
  }

  extended(delivery: BeanstalkDelivery): Done {
    delivery.lane.touch(delivery, { replied: () => {}, failed: () => {} });
  }

  async #stop(deadline: Deadline): Promise<void> {
    this.#phase = 'stopped';
    const { clock, resources, pipeline } = this.#context;
    this.#stopping.abort(new DriverStoppedError(pipeline));
    const remainingMs = deadline.remainingMs();
    let timer: Timer | undefined;
    const overtime = new Promise<void>((resolve) => (timer = remainingMs === Infinity ? undefined : clock.setTimer(remainingMs, resolve)));
    await Promise.race([this.#settle(), overtime]);
    timer?.cancel();
    this.#leases.stop();
    this.#consumer.close();
    if (this.#talk !== undefined) await resources.release(this.#resource);
  }

  async #settle(): Promise<void> {
    await this.#consumer.pause();
    await Promise.all([this.#outstanding.whenNone(), this.#removals.whenNone()]);
    await Promise.all([...this.#consumer.lanes].map(({ client }) => client.whenIdle()));
  }

  #connect(signal?: AbortSignal): Promise<BeanstalkClient> {
    const { address, answerMs } = this.#settings;
    return BeanstalkClient.connect({ address, clock: this.#context.clock, answerMs, ...(signal === undefined ? {} : { signal }) });
  }

  // The shared connection redials with backoff: while there is none, there is none to be had here either.
  async #connectLane(): Promise<BeanstalkClient> {
    await this.#talk!.use(Infinity, this.#context.pipeline, this.#stopping.signal);
    return this.#connectWatching();
  }

  async #connectAdmin(): Promise<BeanstalkClient> {
    const { pipeline, pushTimeoutMs } = this.#context;
    if (this.#phase === 'stopped' || this.#talk === undefined) throw new DriverStoppedError(pipeline);
    await this.#talk.use(pushTimeoutMs, pipeline, this.#stopping.signal);
    return this.#connectWatching();
  }

  async #connectWatching(): Promise<BeanstalkClient> {
    const { connectTimeoutMs } = this.#settings;
    const late = new AbortController();
    const end = () => late.abort(new Error(`beanstalkd was not reached within ${connectTimeoutMs} ms.`));
    const limit = this.#context.clock.setTimer(connectTimeoutMs, end);
    const ended = AbortSignal.any([this.#stopping.signal, late.signal]);
    try {
      const client = await this.#connect(ended);
      const close = () => client.close();
      if (ended.aborted) close();
      ended.addEventListener('abort', close);
      await this.#watch(client).finally(() => ended.removeEventListener('abort', close));
      return client;
    } catch (error) {
      ended.throwIfAborted();
      throw error;
    } finally {
      limit.cancel();
    }
  }

  /** Without the tube `default`, which each connection watches at first: its jobs are not ours. */
  async #watch(client: BeanstalkClient): Promise<void> {
    const { tube } = this.#settings;
    const replies = await Promise.all([client.ask(`watch ${tube}`), ...(tube === 'default' ? [] : [client.ask('ignore default')])]);
    const refused = replies.find(({ word }) => word !== 'WATCHING');
    if (refused === undefined) return;
    client.close();
    throw new Error(`beanstalkd answered "${refused.word}" to the watch of tube "${tube}".`);
  }

  async #counts(): Promise<{ reserved: number; delayed: number }> {
    const talk = this.#talk;
    if (talk === undefined) return NO_COUNTS;
    try {
      const client = await talk.use(talk.lastError === undefined ? STAT_MS : 0, this.#context.pipeline);
      const { word, body } = await client.ask(`stats-tube ${this.#settings.tube}`);
      if (word === 'OK' && body !== undefined) {
        const stats = body.toString('latin1');
        return { reserved: numberOf(stats, 'current-jobs-ready'), delayed: numberOf(stats, 'current-jobs-delayed') };
      }
    } catch {
      // A broker that is away has no counts; `ready` is false then.
    }
    return NO_COUNTS;
  }

  // Without `async`: one promise a push, the one that is given back.
  #put(job: Job, headers: JobHeaders, delayMs: number): Promise<void> {
    const { pipeline, pushTimeoutMs, clock } = this.#context;
    const delay = seconds(delayMs);
    if (delay > MAX_UINT32) {
      return Promise.reject(new NotSupportedByDriverError('beanstalk', `a delay of ${delay} s`, `Give at most ${MAX_UINT32} s.`));
    }
    const startedAt = clock.monotonic();
    const talk = this.#talk!;
    const put = (client: BeanstalkClient): Promise<void> => this.#putOn(client, job, headers, delay, startedAt);
    return talk.current === undefined ? talk.use(pushTimeoutMs, pipeline, this.#stopping.signal).then(put) : put(talk.current);
  }

  #putOn(client: BeanstalkClient, job: Job, headers: JobHeaders, delay: number, startedAt: number): Promise<void> {
    const { pipeline, clock } = this.#context;
    const { tube, tubePriority, ttrSeconds } = this.#settings;
    return new Promise((resolve, reject) => {
      const body = encodeEnvelope(job, headers, delay);
      const uncertain = (cause?: Error): void =>
        reject(new PushUncertainError(pipeline, job.id, Math.round(clock.monotonic() - startedAt), cause === undefined ? undefined : { cause }));
      const end = this.#patience.wait(startedAt, uncertain);
      client.use(tube);
      client.tell(
        `put ${tubePriority} ${delay} ${ttrSeconds} ${body.byteLength}`,
        {
          replied: ({ word }) => {
            end();
            if (word === 'INSERTED') resolve();
            else reject(this.#refusal(word, body.byteLength));
          },
          failed: (cause) => {
            end();
            uncertain(cause);
          },
        },
        body,
      );
    });
  }

  #refusal(word: string, bodyBytes: number): Error {
    const { pipeline } = this.#context;
    const reasons: Readonly<Record<string, string>> = {
      JOB_TOO_BIG: `With its envelope the job has ${bodyBytes} bytes, more than beanstalkd takes. Start beanstalkd with a larger -z, or push a reference to the data.`,
      DRAINING: 'beanstalkd is being drained and takes no jobs. Push to another one, or restart it.',
      BURIED: 'beanstalkd is out of memory and has buried the job. Give it more memory, then kick the tube.',
      OUT_OF_MEMORY: 'beanstalkd is out of memory. Give it more, then push again.',
    };
    return new BrokerRefusedError(pipeline, 'beanstalk', `${word}. ${reasons[word] ?? 'beanstalkd does not say more.'}`);
  }

  #received(lane: Lane, { id: number, body }: Reply): void {
    const { pipeline, priority, sink } = this.#context;
    const job = decodeEnvelope(body!, pipeline, priority);
    const delivery = new BeanstalkDelivery(job, number, lane, this, this.#leases.firstTouchAt());
    lane.held.set(number, delivery);
    this.#lent++;
    this.#leases.start();
    if (!this.#consumer.isActive) void delivery.release();
    else if (job.autoAck) void this.#removals.add(this.#lendRemoved(delivery));
    else sink.accept(delivery);
  }

  // At most once: it has left beanstalkd before it is run.
  async #lendRemoved(delivery: BeanstalkDelivery): Promise<void> {
    const end = await this.#finish(delivery, 'delete');
    delivery.isRemoved = true;
    if (end === 'done') this.#context.sink.accept(delivery);
    else this.#lent--;
  }

  #finish(delivery: BeanstalkDelivery, verb: FinishVerb, terms = ''): Promise<FinishEnd> {
    return new Promise((resolve) =>
      delivery.lane.finish(delivery, verb, terms, (end, word) => {
        this.#ended(delivery, verb, end, word);
        resolve(end);
      }),
    );
  }

  // Release and bury set the priority: it stays the one that the producer gave.
  async #giveUp(delivery: BeanstalkDelivery, verb: 'release' | 'bury', delayMs?: number): Promise<void> {
    const { lane } = delivery;
    if (!lane.holds(delivery)) return;
    try {
      const { priority } = await lane.termsOf(delivery);
      // In 136 years nobody minds: a longer delay is no number to beanstalkd, and the job would come again at once.
      const delay = delayMs === undefined ? '' : ` ${Math.min(seconds(delayMs), MAX_UINT32)}`;
      if (lane.holds(delivery)) await this.#finish(delivery, verb, ` ${priority}${delay}`);
    } catch {
      // The connection ended, or the lease had: beanstalkd has the job back.
    }
  }

  // The copy is confirmed before the original goes: a crash between makes a duplicate, never a loss.
  async #replace(delivery: BeanstalkDelivery, headers: JobHeaders, delayMs: number): Promise<void> {
    try {
      await this.#put(delivery.job, headers, delayMs);
    } catch (error) {
      await this.#giveUp(delivery, 'release', delayMs);
      throw error;
    }
    if (!delivery.isRemoved && delivery.lane.holds(delivery)) await this.#finish(delivery, 'delete');
  }

  #laneLost(lane: Lane, error: Error): void {
    if (lane.held.size === 0) return;
    const { logger, pipeline } = this.#context;
    logger.warn(`Pipeline "${pipeline}" lost a connection that held ${lane.held.size} jobs: they are handed out again. ${error.message}`, {
      pipeline,
    });
  }

  #ended(delivery: BeanstalkDelivery, verb: FinishVerb, end: FinishEnd, word: string): void {
    if (end === 'not held') return this.#leaseLost(delivery);
    if (end !== 'refused') return;
    const { logger, pipeline } = this.#context;
    const { id } = delivery.job;
    const rest = word === 'BURIED' ? 'It is buried: "promote" brings it back.' : 'It comes again when its time to run is over.';
    logger.warn(`beanstalkd answered "${word}" to "${verb}" of job ${id} of pipeline "${pipeline}". ${rest} Give beanstalkd more memory or disk.`, {
      pipeline,
      job: id,
    });
  }

  #leaseLost({ job }: LeasedJob): void {
    const { logger, pipeline } = this.#context;
    const { ttrSeconds } = this.#settings;
    logger.warn(
      `Job ${job.id} of pipeline "${pipeline}" was no longer ours: it runs again. Was the process stalled for longer than its time to run (${ttrSeconds} s by "timeout")?`,
      { pipeline, job: job.id },
    );
  }
}
