import type { Deadline } from '../contract/clock.js';
import type { Driver, DriverContext } from '../contract/driver.js';
import { JobsArgumentError } from '../contract/errors.js';
import type { Job, JobHeaders } from '../contract/job.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import type { JobPage, JobQuery } from '../contract/kernel-admin.js';
import { DriverStoppedError, NotSupportedByDriverError } from '../contract/pipeline-errors.js';
import { priorityOf } from '../contract/priority.js';
import { browse } from './kafka/browse.js';
import { resolveSettings, type KafkaOptions, type KafkaSettings } from './kafka/config.js';
import { Consumption } from './kafka/consumption.js';
import { openKafkaJs } from './kafka/kafkajs-client.js';
import type { KafkaClient, OutgoingRecord, ProducerSettings } from './kafka/port.js';
import { encodeJob } from './kafka/record.js';
import { Sender } from './kafka/sender.js';
import { countJobs } from './kafka/state.js';
import { within } from './kafka/within.js';

export { capabilities, options } from './kafka/config.js';
export type { KafkaOptions } from './kafka/config.js';

/** Jobs are records of Kafka's topics, as RoadRunner writes and reads them. */
export function createDriver(context: DriverContext<KafkaOptions>): Driver {
  return new KafkaDriver(context);
}

class KafkaDriver implements Driver {
  readonly #context: DriverContext<KafkaOptions>;
  readonly #settings: KafkaSettings;
  readonly #producerSettings: ProducerSettings;
  readonly #senderKey: string;
  /** Ends what looks at the topics. */
  readonly #stopping = new AbortController();
  #client: KafkaClient | undefined;
  #sender: Sender | undefined;
  #consumption: Consumption | undefined;
  #phase: 'idle' | 'running' | 'paused' | 'stopped' = 'idle';

  constructor(context: DriverContext<KafkaOptions>) {
    this.#context = context;
    this.#settings = resolveSettings(context.pipeline, context.options, context.section);
    const { idempotent, acks, compression, partitioning, maxMessageBytes, transactionTimeoutMs, autoCreateTopics, client } = this.#settings;
    this.#producerSettings = { idempotent, acks, compression, partitioning, maxMessageBytes, transactionTimeoutMs, autoCreateTopics };
    this.#senderKey = `kafka:${JSON.stringify([client, this.#producerSettings])}`;
  }

  get queue(): string {
    const { consumption, topic } = this.#settings;
    const read =
      consumption?.partitions?.map((place) => place.topic) ??
      consumption?.topics.map((name) => (typeof name === 'string' ? name : name.source)) ??
      [];
    return [...new Set(read)].join(',') || (topic ?? 'NO TOPICS');
  }

  async open(): Promise<void> {
    const { resources, logger, clock } = this.#context;
    const { client: settings } = this.#settings;
    const client = await openKafkaJs(settings, logger);
    this.#client = client;
    // Pipelines that write in the same way share the producer.
    this.#sender = await resources.share(this.#senderKey, () =>
      Promise.resolve(new Sender({ name: settings.brokers.join(', '), client, settings: this.#producerSettings, clock, logger })),
    );
  }

  push(job: Job): Promise<void> {
    const { pipeline, pushTimeoutMs, clock } = this.#context;
    if (this.#phase === 'stopped' || this.#sender === undefined) return Promise.reject(new DriverStoppedError(pipeline));
    const { deliveryTimeoutMs } = this.#settings;
    const dueAt = job.delayMs > 0 ? Math.ceil(clock.now() + job.delayMs) : undefined;
    const timeoutMs = deliveryTimeoutMs === 0 ? pushTimeoutMs : Math.min(pushTimeoutMs, deliveryTimeoutMs);
    return this.#send(job, job.headers, dueAt, timeoutMs);
  }

  async run(): Promise<void> {
    const { consumption } = this.#settings;
    if (this.#phase === 'stopped' || this.#client === undefined) throw new DriverStoppedError(this.#context.pipeline);
    this.#phase = 'running';
    if (consumption === undefined) {
      const { pipeline, logger } = this.#context;
      logger.warn(
        `Pipeline "${pipeline}" has no "consumerOptions": it only pushes. Name the topics that it is to read, or leave it out of "consume".`,
      );
      return;
    }
    this.#consumption = new Consumption({
      context: this.#context,
      settings: this.#settings,
      consumption,
      client: this.#client,
      copy: (job, headers, dueAt) => this.#send(job, headers, dueAt, Infinity),
    });
    await this.#consumption.start(this.#settings.pingTimeoutMs);
  }

  pause(): Promise<void> {
    if (this.#phase === 'running') this.#phase = 'paused';
    this.#consumption?.pause();
    return Promise.resolve();
  }

  async resume(): Promise<void> {
    if (this.#consumption === undefined) return this.run();
    if (this.#phase === 'stopped') throw new DriverStoppedError(this.#context.pipeline);
    this.#phase = 'running';
    this.#consumption.resume();
  }

  async stop(deadline: Deadline): Promise<void> {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    this.#stopping.abort(new DriverStoppedError(this.#context.pipeline));
    await this.#consumption?.stop(deadline);
    this.#sender?.abandon(this.#context.pipeline);
    const { resources, clock } = this.#context;
    if (this.#sender !== undefined) await within(clock, deadline, resources.release(this.#senderKey));
  }

  async stat(): Promise<PipelineStat> {
    const { pipeline, driver, priority, clock } = this.#context;
    const [client, consumption] = [this.#client, this.#consumption];
    const counts = client === undefined || this.#phase === 'stopped' ? undefined : await countJobs(this.#settings, { client, consumption, clock });
    return {
      pipeline,
      driver,
      queue: this.queue,
      active: this.#consumption?.lent ?? 0,
      delayed: counts?.delayed ?? 0,
      reserved: counts?.reserved ?? 0,
      ready: this.#phase === 'running' && (this.#consumption?.isReady ?? false),
      priority,
    };
  }

  browse(query: JobQuery): Promise<JobPage> {
    const [context, settings, client, consumption] = [this.#context, this.#settings, this.#client, this.#consumption];
    if (client === undefined || this.#phase === 'stopped') return Promise.reject(new DriverStoppedError(context.pipeline));
    return browse({ context, settings, client, consumption, stopping: this.#stopping.signal }, query);
  }

  #send(job: Job, headers: JobHeaders, dueAt: number | undefined, timeoutMs: number): Promise<void> {
    const { pipeline, priority } = this.#context;
    const { delayTopic, partitioning } = this.#settings;
    const isCopy = timeoutMs === Infinity;
    const topic = job.kafka?.topic ?? this.#settings.topic;
    if (topic === undefined) {
      const message = `Job "${job.name}" names no topic, and pipeline "${pipeline}" has none. Push with KafkaOptions, or set "topic" on the pipeline.`;
      return Promise.reject(new JobsArgumentError(message));
    }
    if (dueAt !== undefined && delayTopic === undefined && !isCopy) {
      const remedy = `Set "delayTopic" on pipeline "${pipeline}": a topic that holds delayed jobs.`;
      return Promise.reject(new NotSupportedByDriverError('kafka', 'delays', remedy));
    }
    const record: OutgoingRecord = encodeJob(job, { headers, ...(dueAt === undefined ? {} : { dueAt }) }, priorityOf(job, priority));
    const isDelayed = dueAt !== undefined && delayTopic !== undefined;
    if (partitioning === 'Manual' && !isDelayed) record.partition = job.kafka?.partition ?? 0;
    return this.#sender!.send(isDelayed ? delayTopic : topic, record, { pipeline, timeoutMs });
  }
}
