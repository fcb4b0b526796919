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

/** The job of what `REQUEST` is: itself, or inside of what Nest makes for `@EventPattern()` and `@MessagePattern()`. */
export function jobOfRequest(request: unknown): JobContext | undefined {
  if (request instanceof JobContext) return request;
  const context = (request as { readonly context?: unknown } | null | undefined)?.context;
  return context instanceof JobContext ? context : undefined;
}
