import type { ArgumentsHost } from '@nestjs/common';
import { JobContext } from '../runtime/job-context.js';

/**
 * Whether a guard, pipe, interceptor or filter works on a job. All of them see the type `'rpc'`, as for every transport
 * of Nest.
 *
 * @publicApi
 */
export function isJobContext(host: ArgumentsHost): boolean {
  return host.getType() === 'rpc' && host.switchToRpc().getContext<unknown>() instanceof JobContext;
}
