import { createParamDecorator, Injectable, ParseIntPipe } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { BrokenError, bare, pipe } from './building-blocks.js';
import type { Row } from './building-blocks.js';
import { TestJob } from '../support/both-ways.js';

export const parameters: Row[] = [
  [
    'gets payload and context when nothing is decorated',
    () => bare((...args) => [args.length, args[0], (args[1] as TestJob).id]),
    { kind: 'direct', value: [2, { to: 'a', n: '7' }, 'job-1'] },
  ],
  [
    'gets @Payload() and @Ctx() in its own order',
    () => {
      @Injectable()
      class Handlers {
        handle(@Ctx() job: TestJob, @Payload() payload: { to: string }): unknown {
          return [job.id, payload.to];
        }
      }
      return { handler: Handlers, payload: { to: 'a' } };
    },
    { kind: 'direct', value: ['job-1', 'a'] },
  ],
  [
    'gets undefined where no parameter is decorated',
    () => {
      @Injectable()
      class Handlers {
        handle(first: unknown, @Payload() payload: unknown, third?: unknown): unknown {
          return [first === undefined, payload, third === undefined];
        }
      }
      return { handler: Handlers, payload: 'p' };
    },
    { kind: 'direct', value: [true, 'p', true] },
  ],
  [
    'gets the same payload in two parameters',
    () => {
      @Injectable()
      class Handlers {
        handle(@Payload() one: unknown, @Ctx() job: TestJob, @Payload() two: unknown): unknown {
          return [one === two, job.id];
        }
      }
      return { handler: Handlers, payload: {} };
    },
    { kind: 'direct', value: [true, 'job-1'] },
  ],
  [
    'gets one field by @Payload(field)',
    () => {
      @Injectable()
      class Handlers {
        handle(@Payload('to') to: string, @Payload('missing') missing: unknown): unknown {
          return [to, missing];
        }
      }
      return { handler: Handlers, payload: { to: 'a' } };
    },
    { kind: 'chain', value: ['a', undefined] },
  ],
  [
    'gets undefined for a field of null',
    () => {
      @Injectable()
      class Handlers {
        handle(@Payload('to') to: unknown): unknown {
          return [to];
        }
      }
      return { handler: Handlers, payload: null };
    },
    { kind: 'chain', value: [undefined] },
  ],
  [
    'takes its parameters from the base class that declared the method',
    () => {
      class Base {
        handle(@Ctx() job: TestJob): unknown {
          return job.id;
        }
      }
      @Injectable()
      class Handlers extends Base {}
      return { handler: Handlers };
    },
    { kind: 'direct', value: 'job-1' },
  ],
  [
    'gets what a custom decorator makes of its data and the context',
    () => {
      const Custom = createParamDecorator((data: string, context: ExecutionContext) => `${data}:${context.switchToRpc().getContext<TestJob>().id}`);
      @Injectable()
      class Handlers {
        handle(@Custom('tag') tag: string, @Payload() payload: unknown): unknown {
          return [tag, payload];
        }
      }
      return { handler: Handlers, payload: 'p' };
    },
    { kind: 'chain', value: ['tag:job-1', 'p'] },
  ],
  [
    'shows a custom decorator the whole execution context',
    () => {
      const Custom = createParamDecorator((_data: undefined, context: ExecutionContext) => [
        context.getType(),
        context.getClass().name,
        context.getHandler().name,
        context.getArgs().length,
        context.getArgByIndex<TestJob>(1).id,
        context.getArgByIndex(2),
        context.switchToRpc().getData(),
        context.switchToHttp().getRequest(),
        context.switchToWs().getData<TestJob>().id,
      ]);
      @Injectable()
      class Handlers {
        handle(@Custom() seen: unknown): unknown {
          return seen;
        }
      }
      return { handler: Handlers, payload: 'p' };
    },
    { kind: 'chain', value: ['rpc', 'Handlers', 'handle', 2, 'job-1', undefined, 'p', 'p', 'job-1'] },
  ],
  [
    'gets the value of an async custom decorator',
    () => {
      const Custom = createParamDecorator(async () => 'awaited');
      @Injectable()
      class Handlers {
        handle(@Custom() value: string): unknown {
          return value;
        }
      }
      return { handler: Handlers };
    },
    { kind: 'chain', value: 'awaited' },
  ],
  [
    'sends the value of an async custom decorator through its pipes',
    (log) => {
      const Custom = createParamDecorator(async () => '5');
      @Injectable()
      class Handlers {
        handle(
          @Payload(pipe(log, 'payload')) payload: unknown,
          @Custom(ParseIntPipe, pipe(log, 'custom', (value) => Number(value) + 1)) value: number,
        ): unknown {
          return [payload, value];
        }
      }
      return { handler: Handlers, payload: 'p' };
    },
    { kind: 'chain', value: ['p', 6], log: ['pipe payload', 'pipe custom'] },
  ],
  [
    'fails with the error of a custom decorator',
    () => {
      const Custom = createParamDecorator(() => {
        throw new BrokenError('decorator');
      });
      @Injectable()
      class Handlers {
        handle(@Custom() value: unknown): unknown {
          return value;
        }
      }
      return { handler: Handlers };
    },
    { kind: 'chain', error: 'BrokenError: decorator' },
  ],
];
