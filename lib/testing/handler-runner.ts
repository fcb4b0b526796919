import { jobNameOf, type JobDefinition, type JobName } from '../client/define-job.js';
import { JobOptions, type JobOptionsInput } from '../client/job-options.js';
import { JobTemplate } from '../client/job-template.js';
import { optionsFrom } from '../client/kafka-options.js';
import { encodeJson, encodePayload } from '../client/payload-codec.js';
import { JobsArgumentError } from '../contract/errors.js';
import { ATTEMPT_HEADER, withHeaders } from '../contract/job-headers.js';
import { JobRecord, type Payload } from '../contract/job.js';
import type { Handler } from '../runtime/handler.js';
import { JobsTestingError } from './errors.js';
import { HandlerRun } from './handler-run.js';
import type { TestKernel } from './test-bench.js';
import type { VirtualClock } from './virtual-clock.js';

/** Options of a run without a push. @publicApi */
export interface RunHandlerOptions extends JobOptionsInput {
  /** The queue the job comes from. Default: that of the definition, or the one whose handler takes the job. */
  readonly queue?: string | undefined;
  /** The number of the run that the handler sees. Range: 1 or more. Default: `1`. */
  readonly attempt?: number | undefined;
}

/** Where a job is handled. */
interface Place {
  readonly under: TestKernel;
  readonly queue: string;
  readonly handler: Handler;
}

/** Runs one handler alone, with everything that is bound to it. */
export class HandlerRunner {
  readonly #kernels: readonly TestKernel[];
  readonly #clock: VirtualClock;

  constructor(kernels: readonly TestKernel[], clock: VirtualClock) {
    this.#kernels = kernels;
    this.#clock = clock;
  }

  async run(subject: JobName, payload: unknown, options: RunHandlerOptions): Promise<unknown> {
    const name = jobNameOf(subject);
    const definition = typeof subject === 'object' ? subject : undefined;
    const { under, queue } = await this.#placeOf(name, options.queue ?? definition?.queue);
    const encoded = typeof subject === 'string' ? encodePayload(name, payload) : encodeJson(name, payload);
    const job = this.#job(name, queue, encoded, definition, options);
    const run = new HandlerRun(job, this.#clock);
    try {
      return await under.handlers.runAlone(job, run);
    } finally {
      run.end();
    }
  }

  #job(name: string, queue: string, payload: Payload, definition: JobDefinition | undefined, options: RunHandlerOptions): JobRecord {
    const { attempt = 1 } = options;
    if (!Number.isInteger(attempt) || attempt < 1) throw new JobsArgumentError(`attempt is ${attempt}. Give a whole number, 1 or more.`);
    const base = definition === undefined ? JobOptions.defaults : optionsFrom(definition.options);
    const job = new JobTemplate(base.merge(optionsFrom(options))).job(name, queue, payload, { now: () => this.#clock.now() });
    const headers = attempt === 1 ? job.headers : withHeaders(job.headers, { [ATTEMPT_HEADER]: [String(attempt - 1)] });
    return JobRecord.changed(job, headers, 0);
  }

  async #placeOf(name: string, queue: string | undefined): Promise<Place> {
    const places: Place[] = [];
    for (const under of this.#kernels) {
      for (const candidate of queue === undefined ? await queuesOf(under) : [queue]) {
        const handler = under.handlers.find(candidate, name);
        if (handler !== undefined) places.push({ under, queue: candidate, handler });
      }
    }
    const [first] = places;
    if (first === undefined) throw this.#noHandler(name, queue);
    if (places.every(({ handler }) => handler === first.handler)) return first;
    const queues = places.map((place) => `"${place.queue}"`).join(', ');
    throw new JobsTestingError(
      `Several handlers take job "${name}": those of queues ${queues}. Say which one: runHandler(name, payload, { queue }).`,
    );
  }

  #noHandler(name: string, queue: string | undefined): JobsTestingError {
    const labels = this.#kernels.flatMap(({ handlers }) => handlers.routes.map((route) => `  - ${shownRoute(route)}: ${route.handler.label}`));
    const where = queue === undefined ? '' : ` of queue "${queue}"`;
    const known = labels.length === 0 ? 'No handlers are bound: list their classes under "providers".' : `Bound are:\n${labels.join('\n')}`;
    return new JobsTestingError(`No handler takes job "${name}"${where}. ${known}`);
  }
}

async function queuesOf({ kernel, handlers }: TestKernel): Promise<readonly string[]> {
  const exact = handlers.routes.flatMap(({ queue }) => (queue === undefined || queue.includes('*') ? [] : [queue]));
  return [...new Set([...(await kernel.api.list()), ...exact])];
}

function shownRoute({ name, queue }: { readonly name: string | undefined; readonly queue: string | undefined }): string {
  const job = name === undefined ? 'any other job' : `"${name}"`;
  return queue === undefined ? `${job} of every queue` : `${job} of queue "${queue}"`;
}
