import { createHash } from 'node:crypto';
import type { Deadline } from '../../contract/clock.js';
import type { DriverContext } from '../../contract/driver.js';
import { type JobsError } from '../../contract/errors.js';
import { GROUP_HEADER } from '../../contract/job-headers.js';
import type { Job, JobHeaders } from '../../contract/job.js';
import { BrokerRefusedError, BrokerUnavailableError, PushUncertainError } from '../../contract/pipeline-errors.js';
import { priorityOf } from '../../contract/priority.js';
import { errorOf, messageOf } from '../../contract/thrown.js';
import type { BatchOperation, SqsApi, SqsMessage, SqsSend } from './api.js';
import { BatchError, Batches } from './batches.js';
import { MAX_MESSAGE_BYTES, MAX_VISIBILITY_SECONDS, type SqsOptions, type SqsSettings } from './config.js';
import type { SqsDelivery } from './delivery.js';
import { copyUntil, encode, type Envelope } from './envelope.js';
import type { SqsQueue } from './queue.js';

export interface WriterOptions {
  readonly context: DriverContext<SqsOptions>;
  readonly settings: SqsSettings;
  readonly api: SqsApi;
  readonly queue: SqsQueue;
  /** The service can be reached. */
  onAnswer(): void;
}

/** Requests of one kind under way at once; with more of them small batches would cost more than they gain. */
const PARALLEL = 8;
/** A receipt handle, as large as they come. Unit: bytes. */
const RECEIPT_BYTES = 1_024;
/** What the service takes for the id of a deduplication and for the name of a group. */
const SERVICE_ID = /^[\w!"#$%&'()*+,./:;<=>?@[\\\]^`{|}~-]{1,128}$/;

/** All that is asked of the queue beside receiving: messages to send, to delete, to hide and to show. */
export class SqsWriter {
  readonly #options: WriterOptions;
  readonly #sends: Batches;
  readonly #deletes: Batches;
  readonly #hides: Batches;
  #deadLetters: { readonly arn: string; readonly sends: Batches } | undefined;
  #hasToldBinary = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#sends = this.#batches('SendMessageBatch');
    this.#deletes = this.#batches('DeleteMessageBatch');
    this.#hides = this.#batches('ChangeMessageVisibilityBatch');
  }

  /** @throws JobsError */
  push(job: Job): Promise<void> {
    const { isFifo, messageGroupId, queue, binary } = this.#options.settings;
    const group = job.headers[GROUP_HEADER]?.[0] ?? messageGroupId;
    if (isFifo && group === undefined) {
      return Promise.reject(this.refusal(`"${queue}" is a FIFO queue, and a job for it needs a group. Set "message_group_id".`));
    }
    if (isFifo && job.delayMs > MAX_VISIBILITY_SECONDS * 1_000) {
      return Promise.reject(
        this.refusal(`a FIFO queue holds a job for ${MAX_VISIBILITY_SECONDS} seconds at most, and ${job.delayMs / 1_000} were asked for.`),
      );
    }
    const envelope = this.#encode(job, job.headers, job.delayMs);
    if (!envelope.isPlain && binary === 'refuse') {
      return Promise.reject(
        this.refusal('the payload is empty, no UTF-8, or has control characters, and "binary" is "refuse". Send it as base64 or JSON.'),
      );
    }
    // Under the job's own id: a push that is repeated is one job.
    return this.#send(job, envelope, group, isFifo ? serviceId(job.id) : undefined);
  }

  /**
   * A copy with a fresh id for the deduplication: under the old one a FIFO queue would swallow it.
   *
   * @throws JobsError
   */
  again({ job, message }: SqsDelivery, headers: JobHeaders, delayMs: number): Promise<void> {
    return this.#send(job, this.#encode(job, headers, delayMs), this.#groupOf(message), this.#freshId());
  }

  /** Another part of a delay that is longer than the service can hold. Never rejects. */
  async sendOn(message: SqsMessage, job: Job, remainingMs: number): Promise<void> {
    try {
      await this.#send(job, copyUntil(message, remainingMs), this.#groupOf(message), undefined);
      await this.delete(message);
    } catch (error) {
      this.#warn(message, 'could not be delayed further and comes back when its visibility ends', error);
    }
  }

  /**
   * To the queue that the redrive policy names.
   *
   * @throws JobsError
   */
  async bury({ job, message }: SqsDelivery): Promise<void> {
    const { queue, settings, context } = this.#options;
    const { deadLetterArn: arn } = await queue.facts();
    if (arn === undefined) {
      const text = `Job "${job.name}" was refused, and queue "${settings.queue}" has no redrive policy that says where to: it is gone.`;
      context.logger.warn(text, { pipeline: context.pipeline, id: job.id });
      return;
    }
    if (this.#deadLetters?.arn !== arn) this.#deadLetters = { arn, sends: this.#batches('SendMessageBatch', () => queue.urlOf(arn)) };
    await this.#send(job, this.#encode(job, job.headers, 0), this.#groupOf(message), this.#freshId(), this.#deadLetters.sends);
  }

  /** True when it has left the queue for sure. Never rejects: what cannot be deleted comes back. */
  async delete(message: SqsMessage): Promise<boolean> {
    try {
      await this.#deletes.add({ ReceiptHandle: message.ReceiptHandle }, RECEIPT_BYTES);
      return true;
    } catch (error) {
      this.#warn(message, 'could not be deleted and comes back when its visibility ends', error);
      return false;
    }
  }

  /** Never rejects. 0 shows it at once. */
  async hide(message: SqsMessage, seconds: number): Promise<void> {
    await this.#hides.add({ ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: seconds }, RECEIPT_BYTES).catch((error: unknown) => {
      this.#warn(message, 'could not be given back and stays hidden until its visibility ends', error);
    });
  }

  /** Never rejects. @param isLent - Whether anyone still cares, asked when it failed. */
  async extend(delivery: SqsDelivery, seconds: number, isLent: () => boolean): Promise<void> {
    const { message } = delivery;
    try {
      await this.#hides.add({ ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: seconds }, RECEIPT_BYTES);
    } catch (error) {
      if (!isLent()) return;
      // It is another consumer's, or it was here for the 12 hours that the service allows: asking again is of no use.
      if (error instanceof BatchError && error.kind === 'refused') delivery.extendAt = Infinity;
      this.#warn(message, 'could not be kept hidden and may run twice', error);
    }
  }

  /** Resolves when the service has answered all of it, or at the deadline. Nothing is asked of it from here on. */
  async settle(deadline: Deadline): Promise<void> {
    const all = () => [this.#sends, this.#deletes, this.#hides, ...(this.#deadLetters === undefined ? [] : [this.#deadLetters.sends])];
    do {
      await Promise.all(all().map((batches) => batches.settle(deadline)));
      // An answer may lead to the next question: a copy is sent when its original has gone.
      await new Promise((resolve) => setImmediate(resolve));
    } while (all().some(({ isIdle }) => !isIdle) && deadline.remainingMs() > 0);
    for (const batches of all()) batches.end();
  }

  refusal(reason: string, cause?: unknown): BrokerRefusedError {
    const { pipeline, driver } = this.#options.context;
    return new BrokerRefusedError(pipeline, driver, reason, cause === undefined ? undefined : { cause });
  }

  /** @param elsewhere - The address of another queue than the pipeline's. */
  #batches(operation: BatchOperation, elsewhere?: () => Promise<string>): Batches {
    const { api, queue, context, settings, onAnswer } = this.#options;
    const isSend = operation === 'SendMessageBatch';
    return new Batches({
      api,
      operation,
      clock: context.clock,
      // The order of a FIFO queue is that of its requests.
      parallel: settings.isFifo && isSend ? 1 : PARALLEL,
      requestTimeoutMs: settings.requestTimeoutMs,
      patienceMs: context.pushTimeoutMs,
      url: elsewhere ?? (() => queue.url()),
      onAnswer,
      onMissing: () => {
        if (elsewhere === undefined) queue.forget();
        // A message goes with its queue: there is nothing left to delete or to hide.
        if (!isSend) return 'done';
        return settings.skipDeclaration || elsewhere !== undefined ? 'refuse' : 'retry';
      },
    });
  }

  #encode(job: Job, headers: JobHeaders, delayMs: number): Envelope {
    const { context, settings } = this.#options;
    const { clock, priority } = context;
    const envelope = encode(job, { headers, delayMs, priority: priorityOf(job, priority), isFifo: settings.isFifo, nowMs: () => clock.now() });
    if (!envelope.isPlain && !this.#hasToldBinary) {
      this.#hasToldBinary = true;
      context.logger.debug(`Pipeline "${context.pipeline}" sends a payload as base64, because SQS takes only text; RoadRunner does not read it.`);
    }
    return envelope;
  }

  async #send(
    job: Job,
    { message, bytes }: Envelope,
    group: string | undefined,
    deduplication: string | undefined,
    sends = this.#sends,
  ): Promise<void> {
    if (bytes > MAX_MESSAGE_BYTES) {
      throw this.refusal(`a message of ${bytes} bytes is over the ${MAX_MESSAGE_BYTES} that SQS takes for body, attributes and headers together`);
    }
    const entry: SqsSend = {
      ...message,
      ...(group === undefined ? {} : { MessageGroupId: serviceId(group) }),
      ...(deduplication === undefined ? {} : { MessageDeduplicationId: deduplication }),
    };
    try {
      await sends.add(entry, bytes);
    } catch (error) {
      throw this.#errorOf(job, error);
    }
  }

  #groupOf({ Attributes }: SqsMessage): string | undefined {
    return Attributes?.['MessageGroupId'] ?? this.#options.settings.messageGroupId;
  }

  #freshId(): string | undefined {
    return this.#options.settings.isFifo ? crypto.randomUUID() : undefined;
  }

  #warn({ MessageId: message }: SqsMessage, what: string, error: unknown): void {
    const { context, settings } = this.#options;
    const reason = messageOf(error);
    context.logger.warn(`A message of queue "${settings.queue}" ${what}: ${reason}`, { pipeline: context.pipeline, message });
  }

  #errorOf(job: Job, error: unknown): JobsError | Error {
    if (!(error instanceof BatchError)) return errorOf(error);
    const { pipeline, driver } = this.#options.context;
    const { kind, waitedMs, reason } = error;
    if (kind === 'uncertain') return new PushUncertainError(pipeline, job.id, waitedMs, { cause: error });
    if (kind === 'unreachable' || kind === 'busy') return new BrokerUnavailableError(pipeline, driver, waitedMs, error);
    return this.refusal(`${error.message} (${reason})`, error);
  }
}

/** The same for the same text, where the service does not take the text itself. */
function serviceId(text: string): string {
  return SERVICE_ID.test(text) ? text : createHash('sha256').update(text).digest('hex');
}
