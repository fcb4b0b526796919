import type { Logger, Type } from '@nestjs/common';
import { ContextIdFactory, type DiscoveryService, type MetadataScanner, type ModuleRef, type ModulesContainer } from '@nestjs/core';
import { pathOf, unknownKeyMessage } from '../config/issues.js';
import { suggest } from '../config/suggest.js';
import { JobsConfigError, type ConfigIssue } from '../contract/errors.js';
import type { JobEvent, JobsEventHub } from '../contract/jobs-events.js';
import type { KernelDispatcher } from '../contract/service.js';
import { messageOf } from '../contract/thrown.js';
import type { HandlerOptions } from '../runtime/handler.js';
import type { JobHandlerMetadata, JobHandlerOptions } from './decorators/job-handler.decorator.js';
import type { OnJobEventMetadata } from './decorators/on-job-event.decorator.js';
import { isScoped, type HandlerTarget, type InstanceWrapper } from './handler-enhancers.js';
import { jobMetadata } from './job-metadata.accessor.js';
import { DEFAULT_KERNEL, kernelOfToken } from './tokens.js';

/** A method that handles jobs, with its settings resolved. */
export interface FoundHandler {
  readonly name: string | undefined;
  readonly options: HandlerOptions;
  readonly declaredLater: boolean;
  /** `MailHandlers.send()`. */
  readonly label: string;
  readonly target: HandlerTarget;
}

/** What an explorer is given. */
export interface JobExplorerOptions {
  readonly discovery: DiscoveryService;
  readonly scanner: MetadataScanner;
  readonly modules: ModulesContainer;
  readonly moduleRef: ModuleRef;
  readonly kernel: string;
  /** Settings by job name over those of the decorators. */
  readonly overrides: Readonly<Record<string, Partial<JobHandlerOptions>>>;
  readonly logger: Logger;
}

interface FoundMethod {
  readonly target: HandlerTarget;
  readonly method: object;
}

/** Every option once, so that a misspelt one is told. */
export const OPTION_NAMES: readonly string[] = Object.keys({
  queue: true,
  timeout: true,
  attempts: true,
  backoff: true,
  onFailure: true,
  retryOn: true,
  dontRetryOn: true,
  codec: true,
  schema: true,
  default: true,
  declaredLater: true,
  kernel: true,
} satisfies Record<keyof JobHandlerOptions, true>);

/** Finds handlers and listeners in all providers and controllers; the only place that scans. */
export class JobExplorer {
  readonly #options: JobExplorerOptions;

  constructor(options: JobExplorerOptions) {
    this.#options = options;
  }

  /** @throws JobsConfigError when a setting of a handler cannot be used, or settings are given for a handler that is not there. */
  handlers(): FoundHandler[] {
    const found: FoundHandler[] = [];
    const issues: ConfigIssue[] = [];
    for (const { target, method } of this.#methods()) {
      for (const metadata of [...this.#ofClass(target), ...jobMetadata.handlersOf(method)]) {
        const options = this.#optionsOf(metadata);
        if (!this.#isOurs(options.kernel, target, issues)) continue;
        checkNames(options, labelOf(target), issues);
        checkModule(found, target, issues);
        found.push(handlerOf(metadata, options, target));
      }
    }
    this.#checkOverrides(found, issues);
    if (issues.length > 0) throw new JobsConfigError(issues);
    return found;
  }

  /**
   * Joins the `@OnJobEvent` methods with the events; answers the functions that end it.
   *
   * @throws JobsConfigError when there is no such event or kernel.
   */
  listen(events: JobsEventHub): (() => void)[] {
    const ends: (() => void)[] = [];
    const issues: ConfigIssue[] = [];
    for (const { target, method } of this.#methods()) {
      for (const metadata of jobMetadata.eventsOf(method)) {
        if (!this.#isOurs(metadata.kernel, target, issues)) continue;
        if (Object.hasOwn(events.events, metadata.event)) ends.push(this.#subscribe(events, metadata, target));
        else issues.push({ path: labelOf(target), message: unknownEventMessage(metadata.event, Object.keys(events.events)) });
      }
    }
    if (issues.length > 0) throw new JobsConfigError(issues);
    return ends;
  }

  /** The providers marked with `@Dispatcher()`, in the order of their modules. */
  dispatchers(): KernelDispatcher[] {
    return this.#options.discovery.getProviders().flatMap((wrapper): KernelDispatcher[] => {
      const metatype = classOf(wrapper);
      const isOurs = metatype !== undefined && jobMetadata.kernelOfDispatcher(metatype) === this.#options.kernel;
      return isOurs && wrapper.instance !== undefined ? [wrapper.instance as KernelDispatcher] : [];
    });
  }

  #optionsOf(metadata: JobHandlerMetadata): JobHandlerOptions {
    const { moduleRef, overrides } = this.#options;
    const given = typeof metadata.options === 'function' ? metadata.options(moduleRef) : metadata.options;
    const { name } = metadata;
    if (name === undefined || !Object.hasOwn(overrides, name)) return given;
    const changes = Object.entries(overrides[name]!).filter(([, value]) => value !== undefined);
    return { ...given, ...Object.fromEntries(changes) };
  }

  #ofClass({ metatype, methodName }: HandlerTarget): readonly JobHandlerMetadata[] {
    return methodName === 'handle' ? jobMetadata.handlersOf(metatype) : [];
  }

  // A handler of a kernel that nobody makes would wait for ever; every kernel tells it.
  #isOurs(kernel: string = DEFAULT_KERNEL, target: HandlerTarget, issues: ConfigIssue[]): boolean {
    if (kernel === this.#options.kernel) return true;
    const known = this.#kernels();
    if (!known.includes(kernel)) {
      const asked = kernel === DEFAULT_KERNEL ? 'the kernel without a name' : `kernel "${kernel}"`;
      const names = known.map((name) => `"${name}"`).join(', ');
      issues.push({
        path: labelOf(target),
        message: `It belongs to ${asked}, which no JobsModule.forRoot() makes. Set "kernel" to one of ${names}.`,
      });
    }
    return false;
  }

  #kernels(): string[] {
    const tokens = [...this.#options.modules.values()].flatMap((module) => [...module.providers.keys()]);
    return tokens.map(kernelOfToken).filter((name) => name !== undefined);
  }

  #checkOverrides(found: readonly FoundHandler[], issues: ConfigIssue[]): void {
    const names = found.map(({ name }) => name).filter((name) => name !== undefined);
    for (const name of Object.keys(this.#options.overrides)) {
      if (names.includes(name)) continue;
      const suggestion = suggest(name, names);
      const hint = suggestion === undefined ? '' : ` Did you mean "${suggestion}"?`;
      issues.push({
        path: pathOf('handlers', name),
        message: `No handler takes jobs called "${name}".${hint} Write the name as the decorator has it, or remove it.`,
      });
    }
  }

  #subscribe(events: JobsEventHub, metadata: OnJobEventMetadata, target: HandlerTarget): () => void {
    const { wrapper, methodName } = target;
    const call = async (event: object): Promise<void> => {
      const instance = isScoped(wrapper) ? await this.#resolve(target, event) : target.instance;
      await (instance as Record<string, (event: object) => unknown>)[methodName]!(event);
    };
    return events.on(metadata.event, (event) => {
      if (!isWanted(metadata, event)) return;
      call(event).catch((error: unknown) => {
        const text = messageOf(error);
        this.#options.logger.error(
          `${labelOf(target)} failed at the event "${metadata.event}": ${text}`,
          error instanceof Error ? error.stack : undefined,
        );
      });
    });
  }

  #resolve({ wrapper }: HandlerTarget, event: object): Promise<object> {
    const { moduleRef } = this.#options;
    const id = ContextIdFactory.create();
    moduleRef.registerRequestByContextId(event, id);
    return moduleRef.resolve(wrapper.token as Type<object>, id, { strict: false });
  }

  *#methods(): Iterable<FoundMethod> {
    const { discovery, scanner } = this.#options;
    const controllers = new Set(discovery.getControllers());
    for (const wrapper of [...discovery.getProviders(), ...controllers]) {
      const metatype = classOf(wrapper);
      if (metatype === undefined) continue;
      const moduleKey = this.#moduleKeyOf(wrapper);
      const prototype = metatype.prototype as object;
      for (const methodName of scanner.getAllMethodNames(prototype)) {
        const method = (prototype as Record<string, unknown>)[methodName];
        if (typeof method !== 'function') continue;
        const instance = (wrapper.instance as object | undefined) ?? prototype;
        yield { method, target: { instance, methodName, metatype, wrapper, moduleKey, isController: controllers.has(wrapper) } };
      }
    }
  }

  #moduleKeyOf(wrapper: InstanceWrapper): string {
    for (const [key, module] of this.#options.modules) if (module === wrapper.host) return key;
    return '';
  }
}

function handlerOf(metadata: JobHandlerMetadata, options: JobHandlerOptions, target: HandlerTarget): FoundHandler {
  const { kernel: _kernel, declaredLater = false, default: _default, ...rest } = options;
  const { name, definition, payloadClass } = metadata;
  const queue = rest.queue ?? definition?.queue;
  const schema = rest.schema ?? definition?.schema;
  return {
    name,
    options: {
      ...rest,
      ...(queue === undefined ? {} : { queue }),
      ...(schema === undefined ? {} : { schema }),
      ...(payloadClass === undefined ? {} : { payloadClass: payloadClass as NonNullable<HandlerOptions['payloadClass']> }),
    },
    declaredLater,
    label: labelOf(target),
    target,
  };
}

function checkNames(options: JobHandlerOptions, path: string, issues: ConfigIssue[]): void {
  for (const key of Object.keys(options)) {
    if (!OPTION_NAMES.includes(key)) issues.push({ path: `${path}.${key}`, message: unknownKeyMessage(key, OPTION_NAMES) });
  }
}

// The usual reason of two handlers for the same jobs, told as what it is.
function checkModule(found: readonly FoundHandler[], target: HandlerTarget, issues: ConfigIssue[]): void {
  const { metatype, methodName, wrapper } = target;
  const twin = found.find((one) => one.target.metatype === metatype && one.target.methodName === methodName && one.target.wrapper !== wrapper);
  if (twin === undefined) return;
  const modules = [twin.target.wrapper, wrapper].map(({ host }) => host?.name ?? 'a module').join(' and in ');
  const message = `${metatype.name} has an instance in ${modules}, so that two handlers claim the same jobs. List it in one module and export it there.`;
  issues.push({ path: labelOf(target), message });
}

function unknownEventMessage(event: string, known: readonly string[]): string {
  const suggestion = suggest(event, known);
  return `There is no event "${event}". ${suggestion === undefined ? `Use one of: ${known.join(', ')}.` : `Did you mean "${suggestion}"?`}`;
}

// Of a factory or a value the class is that of what it made; an alias is seen at the provider it stands for.
function classOf(wrapper: InstanceWrapper): Function | undefined {
  if (wrapper.isAlias) return undefined;
  const instance = wrapper.instance as object | null | undefined;
  if (wrapper.inject === undefined && typeof wrapper.metatype === 'function') return wrapper.metatype;
  if (typeof instance !== 'object' || instance === null) return undefined;
  const { constructor } = instance;
  return typeof constructor === 'function' && constructor !== Object ? constructor : undefined;
}

function labelOf({ metatype, methodName }: HandlerTarget): string {
  return `${metatype.name}.${methodName}()`;
}

function isWanted(metadata: OnJobEventMetadata, event: object): boolean {
  const { queue, name } = event as Partial<JobEvent>;
  return (metadata.queue === undefined || metadata.queue === queue) && (metadata.name === undefined || metadata.name === name);
}
