import type { Deadline } from '../contract/clock.js';
import type { Delivery, Driver, DriverContext } from '../contract/driver.js';
import { JobsArgumentError } from '../contract/errors.js';
import type { Done, Job, JobHeaders } from '../contract/job.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import type { JobQuery } from '../contract/kernel-admin.js';
import { loadPackage } from '../contract/load-package.js';
import {
  BrokerRefusedError,
  BrokerUnavailableError,
  DriverStoppedError,
  NotSupportedByDriverError,
  PushUncertainError,
} from '../contract/pipeline-errors.js';
import { errorOf } from '../contract/thrown.js';
import type { AmqpClient, AmqpModel } from './amqp/client.js';
import { resolveSettings, type AmqpOptions, type AmqpSettings } from './amqp/config.js';
import { connectionKey, superviseConnection, type ConnectionUse } from './amqp/connection.js';
import { Consumer } from './amqp/consumer.js';
import { DelayQueues, MAX_HOP_MS } from './amqp/delay-queues.js';
import { AmqpDelivery, type DeliveryHolder } from './amqp/delivery.js';
import { decodeMessage, deliveryCountOf, encodeMessage, leftMsOf, MAX_DELAY_S, ownRoutingKey, type MessageFacts } from './amqp/message.js';
import { LostOnTheWayError, Publisher, UnroutableError } from './amqp/publisher.js';
import { onChannel, purgeQueue } from './amqp/topology.js';
import type { SupervisedConnection } from './supervised-connection.js';

export { capabilities, options } from './amqp/config.js';
export type { AmqpOptions } from './amqp/config.js';

const SECOND_MS = 1_000;
/** Nothing is lent from the first moment of a pause; a broker that does not answer keeps nobody waiting for the rest of it. */
const PAUSE_TIMEOUT_MS = 1_000;
/** A broker that does not answer keeps nobody from reading the state. */
const STAT_TIMEOUT_MS = 5_000;

/** Jobs live in a queue of an AMQP 0-9-1 broker, which RoadRunner's `amqp` driver may share. */
export function createDriver(context: DriverContext<AmqpOptions>): Driver {
  return new AmqpDriver(context);
}

class AmqpDriver implements Driver, DeliveryHolder {
  readonly #context: DriverContext<AmqpOptions>;
  readonly #settings: AmqpSettings;
  readonly #delays: DelayQueues;
  readonly #shared = new Set<string>();
  readonly #moving = new Set<Promise<void>>();
  readonly #drain = (): void => this.#lendHeld();
  #client: AmqpClient | undefined;
  #publisher: Publisher | undefined;
  #consumer: Consumer | undefined;
  #phase: 'idle' | 'running' | 'paused' | 'stopped' = 'idle';
  #lent = 0;
  #stopping: Promise<void> | undefined;

  constructor(context: DriverContext<AmqpOptions>) {
    this.#context = context;
    this.#settings = resolveSettings(context);
    this.#delays = new DelayQueues(this.#settings, context.clock);
  }

  get queue(): string {
    return this.#settings.queue || this.#context.pipeline;
  }

  // The connection is dialled from here on; a broker that is away keeps no kernel from its other pipelines.
  async open(): Promise<void> {
    this.#client = (await loadPackage('amqplib', 'The driver "amqp"')) as unknown as AmqpClient;
    this.#warnOfLoss();
    this.#publisher = new Publisher(this.#context, this.#settings, await this.#connection('publish'));
    this.#publisher.start();
  }

  push(job: Job): Promise<void> {
    if (this.#phase === 'stopped') return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    return this.#publish(job, job.headers, job.delayMs);
  }

  async run(): Promise<void> {
    if (this.#phase === 'stopped') throw new DriverStoppedError(this.#context.pipeline);
    this.#phase = 'running';
    this.#consumer = new Consumer(this.#context, this.#settings, await this.#connection('consume'), this.#drain);
    await this.#consumer.start();
  }

  async pause(): Promise<void> {
    if (this.#phase !== 'running') return;
    this.#phase = 'paused';
    if (this.#consumer !== undefined) await withLimit(this.#context.clock, PAUSE_TIMEOUT_MS, this.#consumer.pause(), undefined);
  }

  async resume(): Promise<void> {
    if (this.#phase === 'stopped') throw new DriverStoppedError(this.#context.pipeline);
    if (this.#consumer === undefined) return this.run();
    this.#phase = 'running';
    await this.#consumer.resume();
  }

  stop(deadline: Deadline): Promise<void> {
    this.#stopping ??= this.#stop(deadline);
    return this.#stopping;
  }

  async stat(): Promise<PipelineStat> {
    const { pipeline, driver, priority } = this.#context;
    const lentBefore = this.#lent;
    const counts = await this.#counts();
    return {
      pipeline,
      driver,
      queue: this.queue,
      // The counts are not of one moment: a job that went back meanwhile is counted where it was, so that nobody sees the pipeline empty too early.
      active: Math.max(lentBefore, this.#lent),
      delayed: counts.delayed,
      reserved: counts.waiting + (this.#consumer?.heldCount ?? 0),
      ready: this.#phase === 'running' && this.#consumer?.isConsuming === true,
      priority,
    };
  }

  async purge({ id, name, state }: JobQuery): Promise<number> {
    const { pipeline, driver, pushTimeoutMs } = this.#context;
    if (id !== undefined || name !== undefined) {
      const remedy = 'AMQP shows nothing of what waits, so "id" and "name" cannot be asked for: leave them out to purge all.';
      throw new NotSupportedByDriverError(driver, 'purging some jobs of a queue', remedy);
    }
    if (this.#publisher === undefined || this.#phase === 'stopped') throw new DriverStoppedError(pipeline);
    const model = await this.#publisher.model(pushTimeoutMs);
    try {
      // In the direction in which jobs go: one that becomes due meanwhile is met in the queue.
      const delayed = state === undefined || state === 'delayed' ? await this.#delays.purge(model) : 0;
      return delayed + (state === undefined || state === 'waiting' ? await this.#purgeWaiting(model) : 0);
    } catch (error) {
      const cause = errorOf(error);
      // With a reply code it is an answer: an exclusive queue of another connection, a missing right.
      if (typeof (cause as { code?: unknown }).code === 'number') throw new BrokerRefusedError(pipeline, driver, cause.message, { cause });
      throw new BrokerUnavailableError(pipeline, driver, 0, cause, 'not all that was asked was done');
    }
  }

  // Taken from the broker before it runs: at most once, as it asked for.
  starting(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) if (delivery.job.autoAck && delivery instanceof AmqpDelivery) delivery.session.ack(delivery.message);
  }

  // The holder's side of what is lent.

  settled(): void {
    this.#lent--;
  }

  // The new copy is confirmed before the old one is acked: a crash between the two makes a duplicate, never a loss.
  requeued(delivery: AmqpDelivery, headers: JobHeaders, delayMs: number): Done {
    const { session, message, job } = delivery;
    if (!session.isOpen) return this.settled();
    return this.#track(
      this.#publish(job, headers, delayMs).then(
        () => {
          session.ack(message);
          this.settled();
        },
        (error: unknown) => {
          session.nack(message, true);
          this.settled();
          throw error;
        },
      ),
    );
  }

  #publish(job: Job, headers: JobHeaders, delayMs: number): Promise<void> {
    const publisher = this.#publisher;
    if (publisher === undefined) return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    if (delayMs > 0) return this.#publishLater(publisher, job, headers, delayMs);
    const { exchange, routingKey } = this.#settings;
    return publisher.publish(encodeMessage(job, this.#facts(headers, exchange.name, ownRoutingKey(headers) ?? routingKey, 0)));
  }

  // The queue of the delay may end between its declaration and the message: then both are made again, within the time of the push.
  async #publishLater(publisher: Publisher, job: Job, headers: JobHeaders, delayMs: number): Promise<void> {
    const { clock, pipeline, driver, pushTimeoutMs } = this.#context;
    const delayS = Math.ceil(delayMs / SECOND_MS);
    if (delayS > MAX_DELAY_S)
      throw new JobsArgumentError(`A delay of ${delayS} s is longer than the ${MAX_DELAY_S} s that the driver "amqp" can hold.`);
    const hopMs = Math.min(delayS * SECOND_MS, MAX_HOP_MS);
    const leftMs = delayS * SECOND_MS - hopMs;
    const routingKey = ownRoutingKey(headers) ?? this.#settings.routingKey;
    const giveUpAt = clock.monotonic() + pushTimeoutMs;
    for (let isUncertain = false; ;) {
      const model = await publisher.model(Math.max(0, giveUpAt - clock.monotonic()));
      try {
        const place = await this.#delays.prepare(model, hopMs, routingKey);
        const facts = this.#facts(headers, place.exchange, place.routingKey, delayS, leftMs > 0 ? leftMs : undefined);
        isUncertain = true;
        await publisher.publish(encodeMessage(job, facts), false);
        if (await this.#delays.isSafe(model, place)) return;
        if (clock.monotonic() >= giveUpAt) throw new LostOnTheWayError();
      } catch (error) {
        if (error instanceof UnroutableError) isUncertain = false;
        else if (!(error instanceof LostOnTheWayError) && publisher.currentModel === model) throw error;
        this.#delays.forget(hopMs, routingKey);
        if (clock.monotonic() < giveUpAt) continue;
        if (isUncertain) throw new PushUncertainError(pipeline, job.id, pushTimeoutMs, { cause: error });
        if (error instanceof UnroutableError) throw new BrokerRefusedError(pipeline, driver, error.message, { cause: error });
        throw new BrokerUnavailableError(pipeline, driver, pushTimeoutMs, error);
      }
    }
  }

  #facts(headers: JobHeaders, exchange: string, routingKey: string, delayS: number, leftMs?: number): MessageFacts {
    const { priority, clock } = this.#context;
    return { priority, maxPriority: this.#settings.maxPriority, now: clock.now(), headers, exchange, routingKey, delayS, leftMs };
  }

  // Back-pressure is a number: what does not fit stays here, and the broker sends no more than `prefetch` ahead.
  #lendHeld(): void {
    const { sink } = this.#context;
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    while (this.#phase === 'running' && consumer.heldCount > 0) {
      if (sink.room <= 0) return sink.onRoom(this.#drain);
      const { message, session } = consumer.take()!;
      const job = decodeMessage(message, this.#context.pipeline, this.#context.priority);
      const starts = this.#settings.countsDeliveries ? deliveryCountOf(message) : 0;
      const delivery = new AmqpDelivery(job, message, session, starts, this);
      const leftMs = leftMsOf(message);
      this.#lent++;
      if (leftMs > 0) {
        this.#hopOn(delivery, leftMs);
        continue;
      }
      sink.accept(delivery);
    }
  }

  /** A delay that is longer than a queue can hold has come to the end of one hop. */
  #hopOn(delivery: AmqpDelivery, leftMs: number): void {
    Promise.resolve(delivery.requeue({ headers: delivery.job.headers, delayMs: leftMs })).catch((error: unknown) => {
      this.#context.logger.warn(
        `Job ${delivery.job.id} waits longer than one queue can hold, and could not be passed on; the broker gives it again.`,
        {
          pipeline: this.#context.pipeline,
          error,
        },
      );
    });
  }

  async #purgeWaiting(model: AmqpModel): Promise<number> {
    const { queue } = this.#settings;
    const purged = await this.#consumer?.purge();
    return purged ?? (queue === '' ? 0 : purgeQueue(model, queue));
  }

  #track(moved: Promise<void>): Promise<void> {
    this.#moving.add(moved);
    const done = () => void this.#moving.delete(moved);
    moved.then(done, done);
    return moved;
  }

  async #connection(use: ConnectionUse): Promise<SupervisedConnection<AmqpModel>> {
    const key = connectionKey(use, this.#settings);
    const client = this.#client!;
    const connection = await this.#context.resources.share(key, () => Promise.resolve(superviseConnection(client, this.#settings, this.#context)));
    this.#shared.add(key);
    return connection;
  }

  async #stop(deadline: Deadline): Promise<void> {
    this.#phase = 'stopped';
    // Acks need their channel: copies are confirmed first, then it closes and the broker has what was not settled.
    await this.#within(deadline, Promise.allSettled(this.#moving));
    await this.#within(deadline, this.#consumer?.stop());
    await this.#publisher?.idle(deadline.remainingMs());
    await this.#within(deadline, this.#publisher?.stop());
    if (this.#settings.deleteQueueOnStop) await this.#within(deadline, this.#deleteQueue());
    for (const key of this.#shared) await this.#context.resources.release(key);
    this.#shared.clear();
  }

  // Last of all: whoever still declares it would bring it back.
  async #deleteQueue(): Promise<void> {
    await this.#publisher?.declared();
    await this.#consumer?.deleteQueue();
  }

  /** A broker that does not answer holds up no stop; what is open then ends with the connection. */
  async #within(deadline: Deadline, work: Promise<unknown> | undefined): Promise<void> {
    if (work !== undefined) await withLimit(this.#context.clock, deadline.remainingMs(), work, undefined).catch(() => {});
  }

  async #counts(): Promise<{ waiting: number; delayed: number }> {
    const none = { waiting: 0, delayed: 0 };
    return withLimit(this.#context.clock, STAT_TIMEOUT_MS, this.#askCounts(), none).catch(() => none);
  }

  async #askCounts(): Promise<{ waiting: number; delayed: number }> {
    const model = this.#publisher?.currentModel;
    // In the direction in which jobs go: one that becomes due between the two is counted twice rather than never.
    const delayed = model === undefined ? 0 : await onChannel(model, (channel) => this.#delays.count(channel)).catch(() => 0);
    const consumed = await this.#consumer?.waiting().catch(() => undefined);
    return { waiting: consumed ?? (model === undefined ? 0 : await this.#askQueue(model)), delayed };
  }

  // Nobody consumes here; a queue that is not there holds nothing.
  async #askQueue(model: AmqpModel): Promise<number> {
    const { queue } = this.#settings;
    if (queue === '') return 0;
    const facts = await onChannel(model, (channel) => channel.checkQueue(queue)).catch(() => undefined);
    return facts?.messageCount ?? 0;
  }

  #warnOfLoss(): void {
    const { declaresQueue, durable, exchange, pipeline } = this.#settings;
    const ends = [
      ...(declaresQueue && !durable ? ['its queue ("durable")'] : []),
      ...(exchange.isDeclared && !exchange.durable ? ['its exchange ("exchangeDurable")'] : []),
    ];
    if (ends.length === 0) return;
    this.#context.logger.warn(
      `Pipeline "${pipeline}" loses ${ends.join(' and ')} when the broker restarts. Set these options to true to keep its jobs.`,
      {
        pipeline,
      },
    );
  }
}

/** What `work` gives, or `otherwise` when it takes longer. */
async function withLimit<T>(clock: DriverContext<AmqpOptions>['clock'], limitMs: number, work: Promise<T>, otherwise: T): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.setTimer(limitMs, () => resolve(otherwise), { keepsAlive: false });
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
