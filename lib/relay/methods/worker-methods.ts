import { JobsArgumentError } from '../../contract/errors.js';
import type { JobsLogger } from '../../contract/logger.js';
import type { RpcMethods } from '../rpc-method.js';
import { answering } from './nrr-methods.js';

// What our own workers tell their kernel besides the answers to their jobs. Only on the relay that nobody else can reach.
//
//   nrr.Report   [[report, …]]   in the order in which they were made
//   a report     {"progress":"<id of the job>","value":…}   or   {"log":"info","message":"…","facts":{…}}

/** A line of a worker's log, or how far one of its jobs is. */
export type WorkerReport =
  | { readonly progress: string; readonly value: unknown }
  | { readonly log: keyof JobsLogger; readonly message: string; readonly facts: Readonly<Record<string, unknown>> };

/** The name of the method. */
export const REPORT_METHOD = 'nrr.Report';

export interface WorkerMethodsParts {
  progress(id: string, value: unknown): void;
  readonly logger: JobsLogger;
}

const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'] satisfies (keyof JobsLogger)[];

/** The methods for the workers of this kernel. */
export function workerMethods({ progress, logger }: WorkerMethodsParts): RpcMethods {
  const report = ([reports]: readonly unknown[]): Promise<null> => {
    if (!Array.isArray(reports)) throw new JobsArgumentError('The argument is no list. Send a list of reports.');
    for (const one of reports as unknown[]) {
      const given = (typeof one === 'object' && one !== null ? one : {}) as Partial<Record<string, unknown>>;
      if (typeof given['progress'] === 'string') progress(given['progress'], given['value']);
      else if (typeof given['log'] === 'string' && LEVELS.includes(given['log'])) {
        logger[given['log'] as keyof JobsLogger](String(given['message']), factsOf(given['facts']));
      } else throw new JobsArgumentError('A report is neither a progress nor a line of a log.');
    }
    return Promise.resolve(null);
  };
  return new Map([[REPORT_METHOD, answering(async (args) => report(args))]]);
}

function factsOf(facts: unknown): Readonly<Record<string, unknown>> {
  return typeof facts === 'object' && facts !== null ? { ...facts } : {};
}
