import type { Clock } from '../../contract/clock.js';
import { JobsError } from '../../contract/errors.js';
import { DEFAULT_PAGE, isAskedFor, pagePlace, viewOf } from '../../contract/job-view.js';
import type { JobPage, JobQuery, JobView } from '../../contract/kernel-admin.js';
import type { BeanstalkClient } from './client.js';
import { decodeEnvelope } from './envelope.js';
import { countsOf, headOf, jobsOf, type TubeJob } from './tube-scan.js';

export interface TubeAdminOptions {
  readonly tube: string;
  readonly pipeline: string;
  /** Of jobs that come without one. */
  readonly priority: number;
  readonly clock: Clock;
  /** Ends what is under way. */
  readonly stopping: AbortSignal;
  /** A connection of its own that watches the tube, so that nothing else waits for it. */
  connect(): Promise<BeanstalkClient>;
  /** The error for a connection that ended before all was done. */
  broken(error: unknown): JobsError;
}

interface FoundJob {
  readonly number: number;
  /** Among all jobs of the tube in the asked state: where a page begins. */
  readonly place: number;
  readonly view: JobView;
}

/** Bodies that are fetched, and jobs that are removed, in one go. */
const BATCH = 128;

/** What is asked of a tube beside pushing and reserving: its jobs, one by one or all. */
export class TubeAdmin {
  readonly #options: TubeAdminOptions;

  constructor(options: TubeAdminOptions) {
    this.#options = options;
  }

  async browse(query: JobQuery): Promise<JobPage> {
    const { limit = DEFAULT_PAGE } = query;
    const start = pagePlace(query.after);
    return this.#asked(async (client) => {
      const jobs: JobView[] = [];
      for await (const { place, view } of this.#matching(client, query, start)) {
        if (jobs.length === limit) return { jobs, next: String(place) };
        jobs.push(view);
      }
      return { jobs };
    });
  }

  remove(id: string): Promise<boolean> {
    return this.#asked(async (client) => (await this.#removeMatching(client, { id })) > 0);
  }

  promote(id: string): Promise<boolean> {
    return this.#asked(async (client) => {
      let isKicked = false;
      for await (const { number, view } of this.#matching(client, { id })) {
        if (view.state !== 'waiting' && (await client.ask(`kick-job ${number}`)).word === 'KICKED') isKicked = true;
      }
      return isKicked;
    });
  }

  purge(query: JobQuery): Promise<number> {
    const { id, name, state } = query;
    return this.#asked(async (client) => {
      if (id !== undefined || name !== undefined) return this.#removeMatching(client, query);
      // Delayed ones first: one that becomes due meanwhile is met among those that wait.
      const delayed = state === undefined || state === 'delayed' ? await this.#removeHeads(client, 'delayed') : 0;
      const waiting = state === undefined || state === 'waiting' ? await this.#removeWaiting(client) : 0;
      return delayed + waiting + (state === 'buried' ? await this.#removeHeads(client, 'buried') : 0);
    });
  }

  async #asked<T>(work: (client: BeanstalkClient) => Promise<T>): Promise<T> {
    const { stopping, connect, broken } = this.#options;
    let client: BeanstalkClient | undefined;
    const end = () => client?.close();
    stopping.addEventListener('abort', end);
    try {
      client = await connect();
      return await work(client);
    } catch (error) {
      throw error instanceof JobsError ? error : broken(error);
    } finally {
      stopping.removeEventListener('abort', end);
      end();
    }
  }

  async *#matching(client: BeanstalkClient, query: JobQuery, start = 0): AsyncIterable<FoundJob> {
    const { state } = query; // known of each job before its body is fetched
    const jobs = (await jobsOf(client, this.#options.tube)).filter((job) => state === undefined || job.state === state);
    for (let from = start; from < jobs.length; from += BATCH) {
      const views = await Promise.all(jobs.slice(from, from + BATCH).map((job) => this.#read(client, job)));
      for (const [index, view] of views.entries()) {
        if (view === undefined || !isAskedFor(view, view.state, query)) continue;
        yield { number: jobs[from + index]!.number, place: from + index, view };
      }
    }
  }

  // Without an id of its own a job goes by its number here, so that it can be named.
  async #read(client: BeanstalkClient, { number, state, leftSeconds }: TubeJob): Promise<JobView | undefined> {
    const { pipeline, priority, clock } = this.#options;
    const { word, body } = await client.ask(`peek ${number}`);
    if (word !== 'FOUND' || body === undefined) return undefined;
    const view = viewOf(decodeEnvelope(body, pipeline, priority, String(number)), state);
    return state === 'delayed' ? { ...view, dueAt: clock.now() + leftSeconds * 1_000 } : view;
  }

  async #removeMatching(client: BeanstalkClient, query: JobQuery): Promise<number> {
    let removed = 0;
    for await (const { number, view } of this.#matching(client, query)) {
      if (view.state === 'buried' && query.id === undefined && query.state === undefined) continue;
      if ((await client.ask(`delete ${number}`)).word === 'DELETED') removed++;
    }
    return removed;
  }

  async #removeHeads(client: BeanstalkClient, state: 'delayed' | 'buried'): Promise<number> {
    const { tube } = this.#options;
    const counts = await countsOf(client, tube);
    let removed = 0;
    for (let left = counts[state]; left > 0; left--) {
      const number = await headOf(client, tube, state);
      if (number === undefined) break;
      if ((await client.ask(`delete ${number}`)).word === 'DELETED') removed++;
    }
    return removed;
  }

  // Reserved first, so that nobody else begins one of them; what is not deleted goes back when the connection ends.
  async #removeWaiting(client: BeanstalkClient): Promise<number> {
    let left = (await countsOf(client, this.#options.tube)).waiting;
    let removed = 0;
    while (left > 0) {
      const batch = Math.min(BATCH, left);
      const replies = await Promise.all(Array.from({ length: batch }, () => client.ask('reserve-with-timeout 0')));
      const reserved = replies.filter(({ word }) => word === 'RESERVED');
      if (reserved.length === 0) break;
      const ends = await Promise.all(reserved.map(({ id }) => client.ask(`delete ${id}`)));
      removed += ends.filter(({ word }) => word === 'DELETED').length;
      left -= reserved.length;
    }
    return removed;
  }
}
