import 'reflect-metadata';
import type { CanActivate, ExceptionFilter, NestInterceptor, PipeTransform } from '@nestjs/common';
import type { ApplicationConfig, DiscoveryService, ModulesContainer } from '@nestjs/core';
import { JobsConfigError } from '../contract/errors.js';

/** Nest's record of one provider, controller or enhancer. Its class is not public, its type is. */
export type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A method that handles jobs. */
export type HandlerMethod = (...args: unknown[]) => unknown;

/** One method that handles jobs and where it was found. */
export interface HandlerTarget {
  /** The instance of `wrapper`. Not used when its class is request-scoped or transient: there it is a bare prototype. */
  readonly instance: object;
  readonly methodName: string;
  /** The class that carries the metadata: `instance.constructor` for a provider made by a factory or given as a value. */
  readonly metatype: Function;
  readonly wrapper: InstanceWrapper;
  /** Key of the module in `ModulesContainer`. */
  readonly moduleKey: string;
  readonly isController: boolean;
}

/** A filter and the types of its `@Catch()`; none means every error. */
export interface BoundFilter {
  readonly filter: ExceptionFilter;
  readonly catches: readonly (new (...args: never[]) => unknown)[];
}

/** One kind of enhancer: the metadata key and the name of its decorator, and the method that makes an object one. */
interface EnhancerKind {
  readonly key: string;
  readonly method: string;
  readonly decorator: string;
}

const GUARD: EnhancerKind = { key: '__guards__', method: 'canActivate', decorator: '@UseGuards' };
const INTERCEPTOR: EnhancerKind = { key: '__interceptors__', method: 'intercept', decorator: '@UseInterceptors' };
const PIPE: EnhancerKind = { key: '__pipes__', method: 'transform', decorator: '@UsePipes' };
const FILTER: EnhancerKind = { key: '__exceptionFilters__', method: 'catch', decorator: '@UseFilters' };
const CAUGHT_TYPES = '__filterCatchExceptions__';

/**
 * Reads what is bound to one handler, as Nest's context creators do: global, then class, then method. Request-scoped and transient
 * enhancers are in no list, as only Nest can make them; `scoped` names them.
 *
 * The lists are right once the application has set its global enhancers: read in `onApplicationBootstrap`, not earlier.
 */
export class EnhancerReader {
  readonly #config: ApplicationConfig;
  readonly #target: HandlerTarget;
  readonly #method: HandlerMethod;
  readonly #injectables: ReadonlyMap<unknown, InstanceWrapper>;
  readonly #scoped = new Set<InstanceWrapper>();
  #hasScopedFilters = false;

  constructor(config: ApplicationConfig, modulesContainer: ModulesContainer, target: HandlerTarget, method: HandlerMethod) {
    this.#config = config;
    this.#target = target;
    this.#method = method;
    this.#injectables = modulesContainer.get(target.moduleKey)?.injectables ?? new Map<unknown, InstanceWrapper>();
  }

  guards(): CanActivate[] {
    return this.#bound<CanActivate>(GUARD, this.#config.getGlobalGuards(), this.#config.getGlobalRequestGuards());
  }

  interceptors(): NestInterceptor[] {
    return this.#bound<NestInterceptor>(INTERCEPTOR, this.#config.getGlobalInterceptors(), this.#config.getGlobalRequestInterceptors());
  }

  pipes(): PipeTransform[] {
    return this.#bound<PipeTransform>(PIPE, this.#config.getGlobalPipes(), this.#config.getGlobalRequestPipes());
  }

  /** Those of one parameter decorator: `@JobPayload('to', new TrimPipe())`. */
  pipesOf(entries: readonly unknown[] | undefined): PipeTransform[] {
    return this.#resolve<PipeTransform>(PIPE, entries);
  }

  /** The most specific first: method, class, global, and in each the last one named first. */
  filters(): BoundFilter[] {
    const filters = this.#bound<ExceptionFilter>(FILTER, this.#config.getGlobalFilters(), this.#config.getGlobalRequestFilters());
    return filters.reverse().map((filter) => ({ filter, catches: caughtBy(filter) }));
  }

  /** All request-scoped and transient enhancers that the calls so far have met. */
  get scoped(): InstanceWrapper[] {
    return [...this.#scoped];
  }

  /** True when `filters()` has met such a one. */
  get hasScopedFilters(): boolean {
    return this.#hasScopedFilters;
  }

  #bound<T extends object>(kind: EnhancerKind, globals: readonly unknown[], scopedGlobals: readonly InstanceWrapper[]): T[] {
    for (const wrapper of scopedGlobals) this.#noteScoped(kind, wrapper);
    return [
      ...this.#resolve<T>(kind, globals),
      ...this.#resolve<T>(kind, Reflect.getMetadata(kind.key, this.#target.metatype) as readonly unknown[] | undefined),
      ...this.#resolve<T>(kind, Reflect.getMetadata(kind.key, this.#method) as readonly unknown[] | undefined),
    ];
  }

  #resolve<T extends object>(kind: EnhancerKind, entries: readonly unknown[] = []): T[] {
    const enhancers: unknown[] = entries.map((entry) => (typeof entry === 'function' ? this.#instanceOf(kind, entry) : entry));
    return enhancers.filter((enhancer): enhancer is T => hasMethod(enhancer, kind.method));
  }

  #instanceOf(kind: EnhancerKind, bound: Function): unknown {
    const wrapper = this.#injectables.get(bound);
    if (wrapper !== undefined && isScoped(wrapper)) {
      this.#noteScoped(kind, wrapper);
      return undefined;
    }
    // A class may be its own enhancer, with static methods.
    const enhancer = [wrapper?.instance as unknown, bound].find((candidate) => hasMethod(candidate, kind.method));
    if (enhancer === undefined) throw this.#withoutInstance(kind, bound);
    return enhancer;
  }

  #noteScoped(kind: EnhancerKind, wrapper: InstanceWrapper): void {
    this.#scoped.add(wrapper);
    if (kind === FILTER) this.#hasScopedFilters = true;
  }

  // Nest leaves such an enhancer out without a word: a guard that never guards.
  #withoutInstance(kind: EnhancerKind, bound: Function): JobsConfigError {
    const handlerClass = this.#target.metatype.name;
    const message =
      `${kind.decorator}(${bound.name}) has no instance with a ${kind.method}() method in the module of ${handlerClass}. ` +
      `Nest makes instances for the classes listed under "providers" and "controllers" only: ` +
      `list ${handlerClass} there, or give an instance: ${kind.decorator}(new ${bound.name}()).`;
    return new JobsConfigError([{ path: `${handlerClass}.${this.#target.methodName}`, message }]);
  }
}

/** True when its instances belong to a job or to one user of it: what hangs on it cannot be compiled once. */
export function isScoped(wrapper: InstanceWrapper): boolean {
  return wrapper.isTransient || !wrapper.isDependencyTreeStatic();
}

function hasMethod(value: unknown, name: string): boolean {
  const isHolder = typeof value === 'function' || (typeof value === 'object' && value !== null);
  return isHolder && typeof (value as Record<string, unknown>)[name] === 'function';
}

// On the prototype, because a class decorator or a mixin may leave another class in `constructor`.
function caughtBy(filter: ExceptionFilter): BoundFilter['catches'] {
  const types: unknown =
    Reflect.getMetadata(CAUGHT_TYPES, Object.getPrototypeOf(filter) as object) ?? Reflect.getMetadata(CAUGHT_TYPES, filter.constructor) ?? [];
  return types as BoundFilter['catches'];
}
