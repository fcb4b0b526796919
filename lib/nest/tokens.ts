/** The name of the kernel that `JobsModule.forRoot` makes when no `name` is given. */
export const DEFAULT_KERNEL = 'default';

/** The id of our transport: handlers bound to it with `@EventPattern()` or `@MessagePattern()` are handlers of jobs. @publicApi */
export const JOBS_TRANSPORT = Symbol.for('nestjs-roadrunner:transport');

/** Injects the {@link JobContext} of the job into a request-scoped provider. @publicApi */
export const JOB_REF = Symbol.for('nestjs-roadrunner:job-ref');

/** @publicApi */
export function getQueueToken(queue: string, kernel: string = DEFAULT_KERNEL): symbol {
  return Symbol.for(`nestjs-roadrunner:queue:${kernel}:${queue}`);
}

/** The token of the `JobsService` of a named kernel; that of the only kernel is the class itself. @publicApi */
export function getJobsToken(kernel: string = DEFAULT_KERNEL): symbol {
  return Symbol.for(`nestjs-roadrunner:jobs:${kernel}`);
}

export function getKernelToken(kernel: string = DEFAULT_KERNEL): symbol {
  return Symbol.for(`nestjs-roadrunner:kernel:${kernel}`);
}

export function getServerToken(kernel: string = DEFAULT_KERNEL): symbol {
  return Symbol.for(`nestjs-roadrunner:server:${kernel}`);
}

export function getExplorerToken(kernel: string): symbol {
  return Symbol.for(`nestjs-roadrunner:explorer:${kernel}`);
}

export function getLifecycleToken(kernel: string): symbol {
  return Symbol.for(`nestjs-roadrunner:lifecycle:${kernel}`);
}
