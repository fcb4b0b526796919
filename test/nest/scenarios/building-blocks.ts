import { Catch, Injectable } from '@nestjs/common';
import type {
  ArgumentsHost,
  CallHandler,
  CanActivate,
  ExceptionFilter,
  ExecutionContext,
  NestInterceptor,
  PipeTransform,
  Type,
} from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { tap } from 'rxjs';
import type { Observable } from 'rxjs';
import type { BuildScenario, Log, Scenario } from '../support/both-ways.js';

/** What a scenario must come to, whichever way it runs. */
export interface Expected {
  readonly kind: 'direct' | 'chain' | 'nest';
  /** Of the last run. */
  readonly value?: unknown;
  readonly error?: string;
  readonly log?: readonly string[];
}

export type Row = readonly [name: string, build: BuildScenario, expected: Expected];

export class BrokenError extends Error {}
export class VeryBrokenError extends BrokenError {}

export const guard = (log: Log, name: string, answer: unknown = true): CanActivate => ({
  canActivate: () => {
    log(`guard ${name}`);
    return answer as boolean;
  },
});

export const pipe = (log: Log, name: string, change: (value: unknown) => unknown = (value) => value): PipeTransform => ({
  transform: (value: unknown) => {
    log(`pipe ${name}`);
    return change(value);
  },
});

export const around = (log: Log, name: string): NestInterceptor => ({
  intercept: (_context, next) => {
    log(`before ${name}`);
    return next.handle().pipe(tap(() => log(`after ${name}`)));
  },
});

export const intercept = (work: (next: CallHandler, context: ExecutionContext) => unknown): NestInterceptor => ({
  intercept: (context, next) => work(next, context) as Observable<unknown>,
});

export function filterOf(types: Type[], answer: (error: unknown, host: ArgumentsHost) => unknown): ExceptionFilter {
  @Catch(...types)
  class Filter implements ExceptionFilter {
    catch(error: unknown, host: ArgumentsHost): unknown {
      return answer(error, host);
    }
  }
  return new Filter();
}

/** A handler without enhancers: `work` gets what the method got. */
export function bare(work: (...args: unknown[]) => unknown): Scenario {
  @Injectable()
  class Handlers {
    handle(...args: unknown[]): unknown {
      return work(...args);
    }
  }
  return { handler: Handlers, payload: { to: 'a', n: '7' } };
}

/** A handler with one parameter, the payload, and these method decorators. */
export function decorated(decorators: readonly MethodDecorator[], work: (payload: unknown) => unknown): Scenario {
  @Injectable()
  class Handlers {
    handle(@Payload() payload: unknown): unknown {
      return work(payload);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Handlers.prototype, 'handle')!;
  for (const decorator of decorators) decorator(Handlers.prototype, 'handle', descriptor);
  return { handler: Handlers, payload: { to: 'a', n: '7' } };
}

export const done = (log: Log, value: unknown = 'done'): (() => unknown) => {
  return () => {
    log('handler');
    return value;
  };
};

export const fails = (log: Log, error: unknown = new BrokenError('broken')): (() => unknown) => {
  return () => {
    log('handler');
    throw error;
  };
};

export const FORBIDDEN = 'ForbiddenException: Forbidden resource';
