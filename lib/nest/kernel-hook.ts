import type { KernelOptions } from '../config/kernel-options.js';
import type { Clock } from '../contract/clock.js';
import type { DriverRegistry } from '../contract/driver.js';
import type { JobsLogger } from '../contract/logger.js';
import type { HandlerExecutor } from '../runtime/handler-executor.js';
import type { RrKernelParts } from '../runtime/rr-yaml-file.js';
import type { JobsKernel } from './jobs-kernel.js';

/** What a kernel is about to be made of. */
export interface KernelPlan {
  readonly options: KernelOptions;
  /** What a `.rr.yaml` says beside the options: its workers, for instance. Absent: nothing. */
  readonly fileParts?: RrKernelParts;
  /** All that a pipeline may name. */
  readonly drivers: DriverRegistry;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  readonly handlers: HandlerExecutor;
  /** False: other sources of work are left out, as they would start processes. */
  readonly hasServices: boolean;
}

/** Takes part in the making of every kernel of an application. The testing kit puts its drivers and its clock in by it. */
export interface KernelHook {
  /** Called once per kernel; what it answers is used. */
  change(plan: KernelPlan): KernelPlan;
  /** Called when the kernel is there and has not started. */
  opened(kernel: JobsKernel, plan: KernelPlan): void;
}

/** The token of the hook; a global module may provide it. */
export const KERNEL_HOOK = Symbol.for('nestjs-roadrunner:kernel-hook');
