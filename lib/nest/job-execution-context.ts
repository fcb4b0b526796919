import type { ContextType, ExecutionContext, Type } from '@nestjs/common';

type HttpArgumentsHost = ReturnType<ExecutionContext['switchToHttp']>;
type RpcArgumentsHost = ReturnType<ExecutionContext['switchToRpc']>;
type WsArgumentsHost = ReturnType<ExecutionContext['switchToWs']>;
type Arguments = [payload: unknown, job: unknown];

/**
 * What guards, interceptors, filters and parameter decorators see of one run. The payload is decoded when someone asks for it.
 * Nest makes one such object per kind of enhancer over the same two arguments; one for all costs less and tells the same.
 */
export class JobExecutionContext implements ExecutionContext, RpcArgumentsHost {
  readonly #handlerClass: Type;
  readonly #handler: Function;
  readonly #job: unknown;
  #decode: (() => unknown) | undefined;
  #payload: unknown;
  #shown: Arguments | undefined;
  #passed: Arguments | undefined;

  constructor(handlerClass: Type, handler: Function, decode: () => unknown, job: unknown) {
    this.#handlerClass = handlerClass;
    this.#handler = handler;
    this.#decode = decode;
    this.#job = job;
  }

  /** The arguments as they came, whatever a guard has put into `getArgs()`: the view of filters, as in Nest. */
  original(): JobExecutionContext {
    if (this.#shown === undefined) return this;
    return new JobExecutionContext(this.#handlerClass, this.#handler, () => this.#decoded(), this.#job);
  }

  /** To be called when the guards are through: what they put into `getArgs()` reaches the handler, what interceptors put there does not. */
  passGuards(): void {
    if (this.#shown !== undefined) this.#passed = [...this.#shown];
  }

  payloadForHandler(): unknown {
    return this.#passed === undefined ? this.#decoded() : this.#passed[0];
  }

  jobForHandler(): unknown {
    return this.#passed === undefined ? this.#job : this.#passed[1];
  }

  getClass<T = unknown>(): Type<T> {
    return this.#handlerClass as Type<T>;
  }

  getHandler(): Function {
    return this.#handler;
  }

  getArgs<T extends unknown[] = unknown[]>(): T {
    this.#shown ??= [this.#decoded(), this.#job];
    return this.#shown as unknown[] as T;
  }

  getArgByIndex<T = unknown>(index: number): T {
    if (this.#shown !== undefined) return this.#shown[index] as T;
    return (index === 0 ? this.#decoded() : index === 1 ? this.#job : undefined) as T;
  }

  getType<TContext extends string = ContextType>(): TContext {
    return 'rpc' as TContext;
  }

  getData<T = unknown>(): T {
    return this.getArgByIndex<T>(0);
  }

  getContext<T = unknown>(): T {
    return this.getArgByIndex<T>(1);
  }

  switchToRpc(): RpcArgumentsHost {
    return this;
  }

  // Libraries ask for these without looking at getType(); Nest answers by position, and so do we.
  switchToHttp(): HttpArgumentsHost {
    return { getRequest: () => this.getArgByIndex(0), getResponse: () => this.getArgByIndex(1), getNext: () => this.getArgByIndex(2) };
  }

  switchToWs(): WsArgumentsHost {
    return { getClient: () => this.getArgByIndex(0), getData: () => this.getArgByIndex(1), getPattern: () => this.getArgByIndex(1) };
  }

  #decoded(): unknown {
    if (this.#decode !== undefined) {
      this.#payload = this.#decode();
      this.#decode = undefined;
    }
    return this.#payload;
  }
}
