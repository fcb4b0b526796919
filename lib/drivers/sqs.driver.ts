import type { Deadline } from '../contract/clock.js';
import type { Driver, DriverContext } from '../contract/driver.js';
import { DONE, type Done, type Job, type JobHeaders } from '../contract/job.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import type { JobQuery } from '../contract/kernel-admin.js';
import { BrokerUnavailableError, DriverStoppedError, NotSupportedByDriverError } from '../contract/pipeline-errors.js';
import { messageOf } from '../contract/thrown.js';
import { SqsApi, SqsFailure, type SqsMessage } from './sqs/api.js';
import { MAX_VISIBILITY_SECONDS, readSettings, type SqsOptions, type SqsSection, type SqsSettings } from './sqs/config.js';
import { SqsDelivery, type DeliveryHolder } from './sqs/delivery.js';
import { decode, dueAtOf } from './sqs/envelope.js';
import { FifoGroups, groupOf } from './sqs/fifo-groups.js';
import { Leases } from './sqs/leases.js';
import { SqsQueue, type QueueCounts } from './sqs/queue.js';
import { Receiver } from './sqs/receiver.js';
import { SqsWriter } from './sqs/writer.js';

export { capabilities, options } from './sqs/config.js';
export type { SqsOptions } from './sqs/config.js';

/** A message that comes this much before its time is on time. Unit: milliseconds. */
const DUE_SLACK_MS = 500;

/** Jobs live in a queue of Amazon SQS, or of a server that speaks like it. */
export function createDriver(context: DriverContext<SqsOptions>): Driver {
  return new SqsDriver(context);
}

/** What is there once the driver is open. */
interface OpenedService {
  readonly queue: SqsQueue;
  readonly writer: SqsWriter;
  readonly receiver: Receiver;
}

class SqsDriver implements Driver, DeliveryHolder {
  readonly #context: DriverContext<SqsOptions>;
  readonly #settings: SqsSettings;
  readonly #section: SqsSection;
  readonly #resource: string;
  readonly #leases: Leases;
  readonly #groups = new FifoGroups();
  #service: OpenedService | undefined;
  #counts: QueueCounts = { waiting: 0, delayed: 0, hidden: 0 };
  #isStopped = false;

  constructor(context: DriverContext<SqsOptions>) {
    this.#context = context;
    this.#section = (context.section ?? {}) as SqsSection;
    this.#settings = readSettings(context.pipeline, context.options, this.#section);
    this.#resource = `sqs:${JSON.stringify(this.#section)}`;
    this.#leases = new Leases({ clock: context.clock, extend: (...given) => this.#extend(...given) });
  }

  get queue(): string {
    return this.#settings.queue;
  }

  // The package is loaded, and nothing is asked of the service: a kernel may start before it.
  async open(): Promise<void> {
    const { resources, clock, logger, pipeline, sink } = this.#context;
    const api = await resources.share(this.#resource, () => SqsApi.open(this.#section, clock));
    const queue = new SqsQueue(api, this.#settings, logger);
    const receiver = new Receiver({
      pipeline,
      api,
      queue,
      settings: this.#settings,
      room: () => sink.room - this.#groups.held,
      onRoom: (callback) => sink.onRoom(callback),
      clock,
      logger,
      hidesFor: (seconds) => (this.#leases.visibilitySeconds = seconds),
      received: (messages) => this.#received(messages),
    });
    const onAnswer = () => receiver.answered();
    this.#service = { queue, receiver, writer: new SqsWriter({ context: this.#context, settings: this.#settings, api, queue, onAnswer }) };
  }

  push(job: Job): Promise<void> {
    if (this.#isStopped) return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    return this.#open.writer.push(job);
  }

  async run(): Promise<void> {
    const { receiver, writer } = this.#open;
    try {
      await receiver.run();
    } catch (error) {
      throw writer.refusal(error instanceof SqsFailure ? `${error.message} (${error.reason})` : String(error), error);
    }
  }

  pause(): Promise<void> {
    this.#service?.receiver.pause();
    this.#returnWaiting();
    return DONE;
  }

  resume(): Promise<void> {
    if (this.#isStopped) return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    return this.run(); // the first one may have failed
  }

  async stop(deadline: Deadline): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#service === undefined) return;
    const { receiver, writer } = this.#service;
    receiver.pause();
    this.#returnWaiting();
    // What was not finished is somebody else's at once. The last one first, so that the first is in front; before the
    // receives end, because one that was cut off would take them out of sight.
    for (const delivery of this.#leases.clear().reverse()) void delivery.release();
    await receiver.stop(deadline);
    await writer.settle(deadline);
    this.#service.queue.close();
    await this.#context.resources.release(this.#resource);
  }

  async stat(): Promise<PipelineStat> {
    const { pipeline, driver, priority } = this.#context;
    const { receiver, queue } = this.#open;
    try {
      this.#counts = await queue.counts();
    } catch {
      // Without the service, its last word: `ready` says the rest.
    }
    const { waiting, delayed, hidden } = this.#counts;
    // Hidden by others, or put off: still to be done by somebody.
    const elsewhere = Math.max(0, hidden - this.#leases.hidden);
    return {
      pipeline,
      driver,
      queue: this.queue,
      active: this.#leases.size - this.#groups.held,
      delayed,
      reserved: waiting + elsewhere + this.#groups.held,
      ready: receiver.isReady,
      priority,
    };
  }

  async purge({ id, name, state }: JobQuery): Promise<number> {
    const { driver, clock, pipeline } = this.#context;
    if (id !== undefined || name !== undefined || state !== undefined) {
      const remedy = 'SQS removes all messages of a queue or none: leave "id", "name" and "state" out to purge all.';
      throw new NotSupportedByDriverError(driver, 'purging some jobs of a queue', remedy);
    }
    if (this.#isStopped) throw new DriverStoppedError(pipeline);
    const { queue, writer } = this.#open;
    const askedAt = clock.monotonic();
    try {
      const { waiting, delayed, hidden } = await queue.counts();
      const held = this.#leases.list();
      await queue.purge();
      // What waits for its group is gone as well. What is lent stays lent, without its message: it would go back as a new one.
      for (const delivery of this.#groups.takeWaiting()) this.#leases.remove(delivery);
      const lent = held.filter((delivery) => !delivery.isRemoved && this.#leases.has(delivery));
      for (const delivery of lent) delivery.isRemoved = true;
      return waiting + delayed + Math.max(0, hidden - lent.length);
    } catch (error) {
      if (!(error instanceof SqsFailure)) throw error;
      if (error.kind === 'refused' || error.kind === 'missing') throw writer.refusal(`${error.message} (${error.reason})`, error);
      throw new BrokerUnavailableError(pipeline, driver, Math.round(clock.monotonic() - askedAt), error, 'the queue may not be empty');
    }
  }

  // The holder's side: settlements of what was lent.

  acked(delivery: SqsDelivery): Done {
    this.#leases.remove(delivery);
    return this.#gone(delivery);
  }

  // For good: to the dead letters where there are any, unless the redrive policy is to count it.
  async refused(delivery: SqsDelivery): Promise<void> {
    this.#leases.remove(delivery);
    const { retainFailed, errorVisibilitySeconds } = this.#settings;
    if (retainFailed && !delivery.isRemoved) {
      if (errorVisibilitySeconds > 0) await this.#unhide(delivery, errorVisibilitySeconds);
      return this.#disband(delivery);
    }
    try {
      if (!delivery.isRemoved) await this.#open.writer.bury(delivery);
    } catch (error) {
      this.#disband(delivery);
      throw error;
    }
    await this.#gone(delivery);
  }

  async putBack(delivery: SqsDelivery, delayMs: number): Promise<void> {
    this.#leases.remove(delivery);
    try {
      await delivery.underWay;
      if (delivery.isRemoved) await this.#open.writer.again(delivery, delivery.job.headers, delayMs);
      else await this.#unhide(delivery, Math.min(Math.ceil(delayMs / 1_000), MAX_VISIBILITY_SECONDS));
    } finally {
      this.#disband(delivery);
    }
  }

  // Many go back together at a pause or a stop: one that fails must not keep the others.
  async released(delivery: SqsDelivery): Promise<void> {
    await this.putBack(delivery, 0).catch((error: unknown) => {
      const { pipeline, logger } = this.#context;
      const { id, name } = delivery.job;
      logger.error(`Job "${name}" had left its queue, could not be sent anew, and is lost: ${messageOf(error)}`, { pipeline, id, error });
    });
  }

  // The copy is safe before the original goes: a crash between makes a duplicate.
  async requeued(delivery: SqsDelivery, headers: JobHeaders, delayMs: number): Promise<void> {
    try {
      await this.#open.writer.again(delivery, headers, delayMs);
    } catch (error) {
      this.#disband(delivery);
      throw error;
    } finally {
      this.#leases.remove(delivery);
    }
    await this.#gone(delivery);
  }

  get #open(): OpenedService {
    if (this.#service === undefined) throw new DriverStoppedError(this.#context.pipeline);
    return this.#service;
  }

  // The next of its group begins when this one has left the queue for sure.
  async #gone(delivery: SqsDelivery): Promise<void> {
    const isGone = delivery.isRemoved || (await this.#open.writer.delete(delivery.message));
    if (!this.#settings.isFifo) return;
    if (!isGone) return this.#disband(delivery);
    const next = this.#groups.next(delivery);
    if (next !== undefined) this.#lend(next);
  }

  // Those behind it go back as well, the last one first.
  #disband(delivery: SqsDelivery): void {
    if (!this.#settings.isFifo) return;
    for (const waiting of this.#groups.disband(delivery).reverse()) this.#giveBack(waiting);
  }

  #returnWaiting(): void {
    for (const waiting of this.#groups.takeWaiting()) this.#giveBack(waiting);
  }

  #giveBack(delivery: SqsDelivery): void {
    this.#leases.remove(delivery);
    void this.#unhide(delivery, 0);
  }

  // After an extension that is on its way, which would hide it again.
  async #unhide(delivery: SqsDelivery, seconds: number): Promise<void> {
    await delivery.underWay;
    await this.#open.writer.hide(delivery.message, seconds);
  }

  #extend(delivery: SqsDelivery, seconds: number, isLast: boolean): void {
    if (isLast) this.#tellLast(delivery, seconds);
    if (delivery.underWay !== undefined || seconds <= 0) return;
    const extended = this.#open.writer.extend(delivery, seconds, () => this.#leases.has(delivery));
    delivery.underWay = extended.then(() => void (delivery.underWay = undefined));
  }

  #tellLast({ job }: SqsDelivery, seconds: number): void {
    const { pipeline, logger } = this.#context;
    logger.warn(
      `SQS hides a message for ${MAX_VISIBILITY_SECONDS} s after its receive and no longer: job "${job.name}" is handed out again in ${Math.max(0, seconds)} s, unless it is done by then. Divide it into shorter jobs.`,
      { pipeline, id: job.id },
    );
  }

  #received(messages: readonly SqsMessage[]): void {
    const { receiver, writer } = this.#open;
    // Paused or stopped while they were on their way.
    if (!receiver.isRunning) {
      for (const message of [...messages].reverse()) void writer.hide(message, 0);
      return;
    }
    const putOff = new Set<string>();
    const behind: SqsMessage[] = [];
    for (const message of messages) {
      const delivery = new SqsDelivery(decode(message, this.#context.pipeline), message, this);
      if (putOff.has(groupOf(message))) behind.push(message);
      else if (!this.#putOff(delivery)) this.#enter(delivery);
      else if (this.#settings.isFifo) putOff.add(groupOf(message));
    }
    // The service gives none of them as long as the one before them is hidden.
    for (const message of behind.reverse()) void writer.hide(message, 0);
  }

  /** True when it came before its time: longer than the service can delay it, or in a FIFO queue, which delays none. */
  #putOff({ job, message }: SqsDelivery): boolean {
    const dueAt = dueAtOf(message, this.#settings.isFifo);
    if (dueAt === undefined) return false;
    const firstReceivedAt = Number(message.Attributes?.['ApproximateFirstReceiveTimestamp'] ?? 0);
    // The service's own word of the time, where the clock of this machine is behind it.
    const remainingMs = dueAt - Math.max(this.#context.clock.now(), firstReceivedAt);
    if (remainingMs <= DUE_SLACK_MS) return false;
    const { writer } = this.#open;
    if (this.#settings.isFifo) void writer.hide(message, Math.min(Math.ceil(remainingMs / 1_000), MAX_VISIBILITY_SECONDS));
    else void writer.sendOn(message, job, remainingMs);
    return true;
  }

  #enter(delivery: SqsDelivery): void {
    this.#leases.add(delivery);
    if (!this.#settings.isFifo || this.#groups.enter(delivery)) this.#lend(delivery);
  }

  #lend(delivery: SqsDelivery): void {
    if (delivery.job.autoAck) void this.#lendRemoved(delivery);
    else this.#context.sink.accept(delivery);
  }

  // At most once: it has left the queue before anyone sees it.
  async #lendRemoved(delivery: SqsDelivery): Promise<void> {
    const { writer, receiver } = this.#open;
    delivery.underWay = writer.delete(delivery.message).then((isRemoved) => {
      delivery.isRemoved = isRemoved;
      delivery.underWay = undefined;
    });
    await delivery.underWay;
    if (!delivery.isRemoved) {
      this.#leases.remove(delivery);
      return this.#disband(delivery);
    }
    if (receiver.isRunning) this.#context.sink.accept(delivery);
    else await delivery.release();
  }
}
