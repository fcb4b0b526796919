import { applyDecorators, Injectable, SetMetadata } from '@nestjs/common';
import type { KernelDispatcher } from '../../contract/service.js';
import { DEFAULT_KERNEL } from '../tokens.js';

/** Where the decorator leaves the name of the kernel. */
export const DISPATCHER = Symbol.for('nestjs-roadrunner:dispatcher');

/** @publicApi */
export interface DispatcherOptions {
  /** The name of the kernel that asks it. Default: the kernel without a name. */
  readonly kernel?: string;
}

/**
 * Marks a provider as a dispatcher: it is asked whether it can serve in a process that a kernel spawned. List it in the `providers` of a module; the
 * class is injectable by this decorator alone.
 *
 * @example
 * \@Dispatcher()
 * export class FolderDispatcher implements KernelDispatcher {
 *   canServe(environment: KernelEnvironment) { return environment.isSpawnedFor('folder'); }
 *   async serve() { … }
 * }
 *
 * @publicApi
 */
export function Dispatcher(options: DispatcherOptions = {}): (target: new (...args: never[]) => KernelDispatcher) => void {
  return applyDecorators(Injectable(), SetMetadata(DISPATCHER, options.kernel ?? DEFAULT_KERNEL)) as (
    target: new (...args: never[]) => KernelDispatcher,
  ) => void;
}
