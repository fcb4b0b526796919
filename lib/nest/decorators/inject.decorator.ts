import { Inject } from '@nestjs/common';
import { getJobsToken, getQueueToken } from '../tokens.js';

/** Injects the `Queue` of this name. @publicApi */
export function InjectQueue(queue: string, kernel?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getQueueToken(queue, kernel));
}

/** Injects the `JobsService` of a named kernel. @publicApi */
export function InjectJobs(kernel?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getJobsToken(kernel));
}
