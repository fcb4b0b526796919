import { DISPATCHER } from './decorators/dispatcher.decorator.js';
import { JOB_EVENT, type OnJobEventMetadata } from './decorators/on-job-event.decorator.js';
import { JOB_HANDLER, type JobHandlerMetadata } from './decorators/job-handler.decorator.js';

/** Reads what the decorators left; nothing else does. */
export const jobMetadata = {
  handlersOf(target: object): readonly JobHandlerMetadata[] {
    return (Reflect.getMetadata(JOB_HANDLER, target) as readonly JobHandlerMetadata[] | undefined) ?? [];
  },
  /** The name of the kernel that asks this dispatcher; `undefined` when the class is none. */
  kernelOfDispatcher(target: object): string | undefined {
    return Reflect.getMetadata(DISPATCHER, target) as string | undefined;
  },
  eventsOf(method: object): readonly OnJobEventMetadata[] {
    return (Reflect.getMetadata(JOB_EVENT, method) as readonly OnJobEventMetadata[] | undefined) ?? [];
  },
};
