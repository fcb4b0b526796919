import { SetMetadata } from '@nestjs/common';
import type { JobsEventName } from '../../contract/jobs-events.js';

/** Which events a listener wants: all of them unless it says otherwise. @publicApi */
export interface OnJobEventOptions {
  /** Only events of this queue, compared exactly. */
  readonly queue?: string;
  /** Only events of jobs of this name, compared exactly. */
  readonly name?: string;
  /** The kernel, when there are several. Default: the one without a name. */
  readonly kernel?: string;
}

export interface OnJobEventMetadata extends OnJobEventOptions {
  readonly event: JobsEventName;
}

export const JOB_EVENT = Symbol.for('nestjs-roadrunner:on-job-event');

/**
 * Calls a method of a provider or controller at every such event. A listener that throws is logged; jobs go on and do not wait for it.
 * A request-scoped class gets a fresh instance for each event, and the event as its `REQUEST`. It may stand several times at one method.
 *
 * @publicApi
 */
export function OnJobEvent(event: JobsEventName, options: OnJobEventOptions = {}): MethodDecorator {
  return (_target, _key, descriptor) => {
    const method = descriptor.value as object;
    const known = (Reflect.getOwnMetadata(JOB_EVENT, method) as readonly OnJobEventMetadata[] | undefined) ?? [];
    SetMetadata(JOB_EVENT, [...known, { event, ...options }])(method as never);
  };
}

/** `@OnJobEvent('failed')`: the job will not run again. @publicApi */
export function OnJobFailed(options: OnJobEventOptions = {}): MethodDecorator {
  return OnJobEvent('failed', options);
}
