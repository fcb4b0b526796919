import { Observable } from 'rxjs';
import { Jobs } from '../client/jobs.js';
import type { JobsApi } from '../contract/jobs-api.js';
import type { JobsEventHub, JobsEventMap, JobsEventName } from '../contract/jobs-events.js';
import type { KernelAdmin } from '../contract/kernel-admin.js';

/** An event with its name. @publicApi */
export type NamedJobsEvent = { [E in JobsEventName]: { readonly type: E } & JobsEventMap[E] }[JobsEventName];

/**
 * The queues of the application, to be injected: pushes jobs, makes and controls queues.
 *
 * @example
 * constructor(private readonly jobs: JobsService) {}
 * await this.jobs.push(SendEmail, { to: 'ada@example.com' }, { delay: '10m' });
 *
 * @publicApi
 */
export class JobsService extends Jobs {
  readonly #events: JobsEventHub;

  constructor(
    api: JobsApi,
    /** Running and failed jobs, counters, workers. */
    readonly admin: KernelAdmin,
    events: JobsEventHub,
  ) {
    super(api);
    this.#events = events;
  }

  /** All events of the kernel. Costs nothing until someone subscribes. */
  get events$(): Observable<NamedJobsEvent> {
    return new Observable((subscriber) => {
      const names = Object.keys(this.#events.events) as JobsEventName[];
      const ends = names.map((name) => this.#events.on(name, (event) => subscriber.next(named(name, event))));
      return () => {
        for (const end of ends) end();
      };
    });
  }

  /** Calls back at every event of this name; answers the function that ends it. */
  on<E extends JobsEventName>(name: E, listener: (event: JobsEventMap[E]) => void): () => void {
    return this.#events.on(name, listener);
  }
}

// The id by name: that of a frequent event is no property of its own.
function named(type: JobsEventName, event: JobsEventMap[JobsEventName]): NamedJobsEvent {
  return { type, ...event, ...('id' in event ? { id: event.id } : {}) } as NamedJobsEvent;
}
