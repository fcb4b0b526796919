/** The name of the kernel that `JobsModule.forRoot` makes when no `name` is given. */
export const DEFAULT_KERNEL = 'default';

/** The id of our transport: handlers bound to it with `@EventPattern()` or `@MessagePattern()` are handlers of jobs. @publicApi */
export const JOBS_TRANSPORT = Symbol.for('nestjs-roadrunner:transport');

/**
 * Injects the {@link JobContext} of the job into a request-scoped provider; `undefined` where none is: in an HTTP request, or in a durable
 * provider, which outlives the job.
 *
 * @publicApi
 */
export const JOB_REF = Symbol.for('nestjs-roadrunner:job-ref');

const KERNEL_PREFIX = 'nestjs-roadrunner:kernel:';

/** The token of the `Queue` of this name, as `@InjectQueue()` asks for it: for `inject` and for `overrideProvider()`. @publicApi */
export function getQueueToken(queue: string, kernel: string = DEFAULT_KERNEL): symbol {
  return Symbol.for(`nestjs-roadrunner:queue:${kernel}:${queue}`);
}

/** The token of the `JobsService` of a named kernel. That of the kernel without a name is the class itself as well. @publicApi */
export function getJobsToken(kernel: string = DEFAULT_KERNEL): symbol {
  return Symbol.for(`nestjs-roadrunner:jobs:${kernel}`);
}

/** The token of the `JobsKernel` of a named kernel. That of the kernel without a name is the class itself as well. @publicApi */
export function getKernelToken(kernel: string = DEFAULT_KERNEL): symbol {
  return Symbol.for(KERNEL_PREFIX + kernel);
}

/** The token of the `JobsServer` of a named kernel. That of the kernel without a name is the class itself as well. @publicApi */
export function getServerToken(kernel: string = DEFAULT_KERNEL): symbol {
  return Symbol.for(`nestjs-roadrunner:server:${kernel}`);
}

/** The name of the kernel that a token of {@link getKernelToken} stands for; `undefined` for any other token. */
export function kernelOfToken(token: unknown): string | undefined {
  const text = typeof token === 'symbol' ? Symbol.keyFor(token) : undefined;
  return text?.startsWith(KERNEL_PREFIX) === true ? text.slice(KERNEL_PREFIX.length) : undefined;
}

export function getSettingsToken(kernel: string): symbol {
  return Symbol.for(`nestjs-roadrunner:settings:${kernel}`);
}

export function getExplorerToken(kernel: string): symbol {
  return Symbol.for(`nestjs-roadrunner:explorer:${kernel}`);
}

export function getLifecycleToken(kernel: string): symbol {
  return Symbol.for(`nestjs-roadrunner:lifecycle:${kernel}`);
}
