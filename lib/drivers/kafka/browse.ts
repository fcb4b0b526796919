import type { Clock } from '../../contract/clock.js';
import type { DriverContext } from '../../contract/driver.js';
import { DEFAULT_PAGE, isAskedFor, viewOf } from '../../contract/job-view.js';
import type { JobPage, JobQuery, JobView } from '../../contract/kernel-admin.js';
import { BrokerUnavailableError, NotSupportedByDriverError } from '../../contract/pipeline-errors.js';
import type { Consumption } from './consumption.js';
import type { KafkaOptions, KafkaSettings } from './config.js';
import type { KafkaAdmin, KafkaClient, ReceivedRecord, TopicPartition } from './port.js';
import { readRanges, ReadingStalledError } from './reader.js';
import { decodeJob, dueAtOf } from './record.js';
import { waitingRanges, type WaitingRange } from './waiting.js';

export interface BrowseOptions {
  readonly context: DriverContext<KafkaOptions>;
  readonly settings: KafkaSettings;
  readonly client: KafkaClient;
  readonly consumption: Consumption | undefined;
  /** Ends it, with its reason. */
  readonly stopping: AbortSignal;
}

/** Only this process is in the group: it may take its time. Unit: milliseconds. */
const SESSION_MS = 30_000;
const HEARTBEAT_MS = 3_000;
const TRIES = 5;
/** Unit: milliseconds. */
const RETRY_MS = 300;

/**
 * Reads what waits in the topics, beside the group. A job that another process has fetched counts as waiting until that process has committed it.
 *
 * @throws NotSupportedByDriverError when the pipeline reads no topics.
 * @throws BrokerUnavailableError when the broker does not give all of them in time.
 */
export async function browse({ context, settings, client, consumption, stopping }: BrowseOptions, query: JobQuery): Promise<JobPage> {
  if (settings.consumption === undefined) {
    throw new NotSupportedByDriverError('kafka', 'browsing of a pipeline that only pushes', 'Browse where its topics are read.');
  }
  const { minBytes, maxBytes } = settings.consumption;
  const ask = (admin: KafkaAdmin): Promise<WaitingRange[]> => waitingRanges(admin, settings, consumption);
  const ranges = from(await ofAdmin({ client, consumption, clock: context.clock, stopping }, ask), query.after);
  const page = new Page(context, query);
  const patienceMs = settings.client.requestTimeoutMs;
  const timing = { sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: HEARTBEAT_MS, rebalanceTimeoutMs: SESSION_MS };
  await readRanges(
    client,
    { ...timing, minBytes, maxBytes, fromBeginning: true, autoCreateTopics: false },
    { ranges, visit: (record, range) => page.visit(record, range), clock: context.clock, patienceMs, stopping },
  ).catch((error: unknown) => {
    if (!(error instanceof ReadingStalledError)) throw error;
    throw new BrokerUnavailableError(context.pipeline, context.driver, patienceMs, error, 'not all that waits was read');
  });
  return page.end(ranges);
}

/** Jobs as they are found, until there are enough. */
class Page {
  readonly #context: DriverContext<KafkaOptions>;
  readonly #query: JobQuery;
  readonly #limit: number;
  readonly #now: number;
  readonly #jobs: JobView[] = [];
  #last: { readonly place: TopicPartition; readonly offset: number } | undefined;

  constructor(context: DriverContext<KafkaOptions>, query: JobQuery) {
    this.#context = context;
    this.#query = query;
    this.#limit = query.limit ?? DEFAULT_PAGE;
    this.#now = context.clock.now();
  }

  /** False when it is full. */
  visit(record: ReceivedRecord, range: WaitingRange): boolean {
    if (range.isWaiting(record.offset)) {
      const view = this.#viewOf(record, range);
      if (isAskedFor(view, view.state, this.#query)) this.#jobs.push(view);
    }
    this.#last = { place: range, offset: record.offset };
    return this.#jobs.length < this.#limit;
  }

  end(ranges: readonly WaitingRange[]): JobPage {
    const jobs = this.#jobs;
    if (jobs.length < this.#limit || this.#last === undefined) return { jobs };
    const { place, offset } = this.#last;
    const index = ranges.findIndex((range) => range === place);
    const isMore = ranges.some(({ from: begin, end }, at) => (at === index ? offset + 1 < end : at > index && begin < end));
    return isMore ? { jobs, next: cursorOf(place, offset + 1) } : { jobs };
  }

  #viewOf(record: ReceivedRecord, range: WaitingRange): JobView {
    const { pipeline, priority: ofPipeline } = this.#context;
    const job = decodeJob(record, range, pipeline, ofPipeline);
    const dueAt = dueAtOf(record);
    return dueAt > this.#now ? { ...viewOf(job, 'delayed'), dueAt } : viewOf(job, 'waiting');
  }
}

/** A broker that has just begun knows its groups a moment later. */
async function ofAdmin<T>(
  { client, consumption, clock, stopping }: Pick<BrowseOptions, 'client' | 'consumption' | 'stopping'> & { readonly clock: Clock },
  ask: (admin: KafkaAdmin) => Promise<T>,
): Promise<T> {
  const own = consumption?.session?.admin;
  const admin = own ?? (await client.openAdmin());
  try {
    for (let tries = 1; ; tries++) {
      try {
        return await ask(admin);
      } catch (error) {
        stopping.throwIfAborted(); // it has closed the admin
        if (tries === TRIES) throw error;
        await new Promise<void>((resolve) => void clock.setTimer(RETRY_MS, resolve));
      }
    }
  } finally {
    if (own === undefined) await admin.close();
  }
}

/** The ranges behind a place. */
function from(ranges: readonly WaitingRange[], after: string | undefined): readonly WaitingRange[] {
  if (after === undefined) return ranges;
  const index = ranges.findIndex((range) => after.startsWith(cursorOf(range)));
  if (index === -1) return ranges;
  const offset = Number(after.slice(cursorOf(ranges[index]!).length));
  return ranges.slice(index).map((range, at) => (at === 0 ? { ...range, from: Math.max(range.from, offset || 0) } : range));
}

/** Of topics, whose names have no slash. */
function cursorOf({ topic, partition }: TopicPartition, offset?: number): string {
  return `${topic}/${partition}/${offset ?? ''}`;
}
