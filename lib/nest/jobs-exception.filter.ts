import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { JobContext } from '../runtime/job-context.js';
import { isJobContext } from './is-job-context.js';

/**
 * Base of filters for errors of job handlers. Errors of HTTP and of other transports pass by untouched.
 *
 * @example
 * \@Catch(PaymentRefused)
 * export class PaymentFilter extends JobsExceptionFilter<PaymentRefused> {
 *   catchJob(error: PaymentRefused, job: JobContext) {
 *     return job.fail(error);
 *   }
 * }
 *
 * @publicApi
 */
export abstract class JobsExceptionFilter<T = unknown> implements ExceptionFilter<T> {
  /** Settles the job, or throws what is to count as its failure. When it returns and nothing was settled, the job is done. */
  abstract catchJob(error: T, job: JobContext): void | Promise<void>;

  // By promise: Nest takes the end of a synchronous filter for no answer at all.
  async catch(error: T, host: ArgumentsHost): Promise<void> {
    // oxlint-disable-next-line typescript/only-throw-error -- whatever was thrown is handed on
    if (!isJobContext(host)) throw error;
    await this.catchJob(error, host.switchToRpc().getContext<JobContext>());
  }
}
