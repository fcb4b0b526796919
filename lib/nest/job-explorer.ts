import type { Logger, Type } from '@nestjs/common';
import { ContextIdFactory, type DiscoveryService, type MetadataScanner, type ModuleRef, type ModulesContainer } from '@nestjs/core';
import type { JobEvent, JobsEventHub } from '../contract/jobs-events.js';
import type { HandlerOptions } from '../runtime/handler.js';
import type { JobHandlerMetadata, JobHandlerOptions } from './decorators/job-handler.decorator.js';
import type { OnJobEventMetadata } from './decorators/on-job-event.decorator.js';
import type { HandlerTarget, InstanceWrapper } from './handler-enhancers.js';
import { jobMetadata } from './job-metadata.accessor.js';
import { DEFAULT_KERNEL } from './tokens.js';

/** A method that handles jobs, with its settings resolved. */
export interface FoundHandler {
  readonly name: string | undefined;
  readonly options: HandlerOptions;
  readonly declaredLater: boolean;
  /** `MailHandlers.send`. */
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

/** Finds handlers and listeners in all providers and controllers; the only place that scans. */
export class JobExplorer {
  readonly #options: JobExplorerOptions;

  constructor(options: JobExplorerOptions) {
    this.#options = options;
  }

  handlers(): FoundHandler[] {
    const found: FoundHandler[] = [];
    for (const { target, method } of this.#methods()) {
      for (const metadata of [...this.#ofClass(target), ...jobMetadata.handlersOf(method)]) {
        const handler = this.#handlerOf(metadata, target);
        if (handler !== undefined) found.push(handler);
      }
    }
    return found;
  }

  /** Joins the `@OnJobEvent` methods with the events; answers the functions that end it. */
  listen(events: JobsEventHub): (() => void)[] {
    const ends: (() => void)[] = [];
    for (const { target, method } of this.#methods()) {
      for (const metadata of jobMetadata.eventsOf(method)) {
        if ((metadata.kernel ?? DEFAULT_KERNEL) === this.#options.kernel) ends.push(this.#subscribe(events, metadata, target));
      }
    }
    return ends;
  }

  #handlerOf(metadata: JobHandlerMetadata, target: HandlerTarget): FoundHandler | undefined {
    const asked = typeof metadata.options === 'function' ? metadata.options(this.#options.moduleRef) : metadata.options;
    const override = metadata.name !== undefined && Object.hasOwn(this.#options.overrides, metadata.name) ? this.#options.overrides[metadata.name] : undefined;
    const { kernel = DEFAULT_KERNEL, declaredLater = false, default: _default, ...options } = { ...asked, ...override };
    if (kernel !== this.#options.kernel) return undefined;
    const { definition, payloadClass } = metadata;
    const queue = options.queue ?? definition?.queue;
    const schema = options.schema ?? definition?.schema;
    return {
      name: metadata.name,
      options: {
        ...options,
        ...(queue === undefined ? {} : { queue }),
        ...(schema === undefined ? {} : { schema }),
        ...(payloadClass === undefined ? {} : { payloadClass: payloadClass as NonNullable<HandlerOptions['payloadClass']> }),
      },
      declaredLater,
      label: labelOf(target),
      target,
    };
  }

  #ofClass({ metatype, methodName }: HandlerTarget): readonly JobHandlerMetadata[] {
    return methodName === 'handle' ? jobMetadata.handlersOf(metatype) : [];
  }

  #subscribe(events: JobsEventHub, metadata: OnJobEventMetadata, target: HandlerTarget): () => void {
    const { wrapper, methodName } = target;
    const call = async (event: object): Promise<void> => {
      const instance = wrapper.isDependencyTreeStatic() && !wrapper.isTransient ? target.instance : await this.#resolve(target, event);
      await (instance as Record<string, (event: object) => unknown>)[methodName]!(event);
    };
    return events.on(metadata.event, (event) => {
      if (!isWanted(metadata, event)) return;
      call(event).catch((error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        this.#options.logger.error(`${labelOf(target)} failed at the event "${metadata.event}": ${text}`, error instanceof Error ? error.stack : undefined);
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

