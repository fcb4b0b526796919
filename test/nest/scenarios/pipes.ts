import * as common from '@nestjs/common';
import { createParamDecorator, Injectable, ParseIntPipe, UsePipes, ValidationPipe } from '@nestjs/common';
import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { IsInt, IsString } from 'class-validator';
import { z } from 'zod';
import { BrokenError, bare, decorated, done, fails, pipe } from './building-blocks.js';
import type { Row } from './building-blocks.js';
import { nestMajor, TestJob } from '../support/both-ways.js';
import type { Scenario } from '../support/both-ways.js';

class MailDto {
  @IsString()
  to!: string;

  @IsInt()
  n!: number;
}

function validated(payload: unknown, options: ConstructorParameters<typeof ValidationPipe>[0] = {}): Scenario {
  @Injectable()
  class Handlers {
    handle(@Payload() mail: MailDto, @Ctx() job: TestJob): unknown {
      return [mail instanceof MailDto, mail.to, job.id];
    }
  }
  return { handler: Handlers, payload, configure: (config) => config.useGlobalPipes(new ValidationPipe(options)) };
}

export const pipes: Row[] = [
  [
    'gets what a pipe makes of the payload',
    (log) => decorated([UsePipes(pipe(log, 'a', () => 'piped'))], (payload) => payload),
    {
      kind: 'chain',
      value: 'piped',
      log: ['pipe a'],
    },
  ],
  [
    'awaits an async pipe',
    (log) =>
      decorated(
        [
          UsePipes(
            pipe(log, 'a', async () => 1),
            pipe(log, 'b', (value) => Number(value) + 1),
          ),
        ],
        (payload) => payload,
      ),
    {
      kind: 'chain',
      value: 2,
      log: ['pipe a', 'pipe b'],
    },
  ],
  [
    'gets undefined from a pipe that gives it',
    (log) => decorated([UsePipes(pipe(log, 'a', () => undefined))], (payload) => [payload]),
    {
      kind: 'chain',
      value: [undefined],
      log: ['pipe a'],
    },
  ],
  [
    'fails with the error of a pipe',
    (log) => decorated([UsePipes(pipe(log, 'a', fails(log)))], done(log)),
    {
      kind: 'chain',
      error: 'BrokenError: broken',
      log: ['pipe a', 'handler'],
    },
  ],
  [
    'fails with the rejection of a pipe',
    (log) => decorated([UsePipes(pipe(log, 'a', async () => Promise.reject(new BrokenError('pipe'))))], done(log)),
    {
      kind: 'chain',
      error: 'BrokenError: pipe',
      log: ['pipe a'],
    },
  ],
  [
    'runs global, class, method and parameter pipes in this order',
    (log) => {
      const add = (name: string): PipeTransform => pipe(log, name, (value) => `${String(value)} ${name}`);
      @Injectable()
      @UsePipes(add('class'))
      class Handlers {
        @UsePipes(add('method'))
        handle(@Payload(add('param 1'), add('param 2')) payload: unknown): unknown {
          return payload;
        }
      }
      return {
        handler: Handlers,
        payload: 'p',
        module: { providers: [{ provide: APP_PIPE, useValue: add('app') }] },
        configure: (config) => config.useGlobalPipes(add('main')),
      };
    },
    {
      kind: 'chain',
      value: 'p app main class method param 1 param 2',
      log: ['pipe app', 'pipe main', 'pipe class', 'pipe method', 'pipe param 1', 'pipe param 2'],
    },
  ],
  [
    'tells a pipe type, class and data of each parameter',
    (log) => {
      const telling: PipeTransform = {
        transform: (value: unknown, { type, metatype, data }: ArgumentMetadata) => {
          log(`${type} ${metatype?.name} ${data}`);
          return value;
        },
      };
      const Custom = createParamDecorator(() => 'c');
      @Injectable()
      class Handlers {
        @UsePipes(telling)
        handle(@Payload() mail: MailDto, @Payload('n') n: number, @Ctx() job: TestJob, @Custom('tag') tag: string): unknown {
          return [mail, n, job.id, tag];
        }
      }
      return { handler: Handlers, payload: { n: 1 } };
    },
    {
      kind: 'chain',
      value: [{ n: 1 }, 1, 'job-1', 'c'],
      log: ['custom String tag', 'custom TestJob undefined', 'body Number n', 'body MailDto undefined'],
    },
  ],
  [
    'parses a field by a pipe class',
    () => {
      @Injectable()
      class Handlers {
        handle(@Payload('n', ParseIntPipe) n: number): unknown {
          return n;
        }
      }
      return { handler: Handlers, payload: { n: '7' } };
    },
    { kind: 'chain', value: 7 },
  ],
  [
    'fails when a field does not parse',
    () => {
      @Injectable()
      class Handlers {
        handle(@Payload('n', ParseIntPipe) n: number): unknown {
          return n;
        }
      }
      return { handler: Handlers, payload: { n: 'seven' } };
    },
    { kind: 'chain', error: 'BadRequestException: Validation failed (numeric string is expected)' },
  ],
  [
    'gives a pipe class its dependencies',
    () => {
      @Injectable()
      class Prefix {
        readonly text = 'dear ';
      }
      @Injectable()
      class PrefixPipe implements PipeTransform {
        constructor(private readonly prefix: Prefix) {}

        transform(value: string): string {
          return this.prefix.text + value;
        }
      }
      @Injectable()
      class Handlers {
        handle(@Payload('to', PrefixPipe) to: string): unknown {
          return to;
        }
      }
      return {
        handler: Handlers,
        payload: { to: 'a' },
        module: { imports: [{ module: class PrefixModule {}, providers: [Prefix], exports: [Prefix] }] },
      };
    },
    { kind: 'chain', value: 'dear a' },
  ],
  [
    'lets the pipes of two parameters advance side by side',
    (log) => {
      @Injectable()
      class Handlers {
        handle(
          @Payload(pipe(log, 'a1'), pipe(log, 'a2')) a: unknown,
          @Payload('n', pipe(log, 'b1'), pipe(log, 'b2'), pipe(log, 'b3')) b: unknown,
        ): unknown {
          return [a, b];
        }
      }
      return { handler: Handlers, payload: { n: 1 } };
    },
    { kind: 'chain', value: [{ n: 1 }, 1], log: ['pipe b1', 'pipe a1', 'pipe b2', 'pipe a2', 'pipe b3'] },
  ],
  [
    'keeps that order when the pipes are async',
    (log) => {
      const later = (name: string): PipeTransform => pipe(log, name, async (value) => value);
      @Injectable()
      class Handlers {
        handle(@Payload(later('a1'), later('a2')) a: unknown, @Payload('n', later('b1'), later('b2')) b: unknown): unknown {
          return [a, b];
        }
      }
      return { handler: Handlers, payload: { n: 1 } };
    },
    { kind: 'chain', value: [{ n: 1 }, 1], log: ['pipe b1', 'pipe a1', 'pipe b2', 'pipe a2'] },
  ],
  [
    'lets one parameter wait without the other',
    (log) => {
      @Injectable()
      class Handlers {
        handle(
          @Payload(pipe(log, 'a1'), pipe(log, 'a2')) a: unknown,
          @Payload('n', pipe(log, 'b1', (value) => new Promise((resolve) => setImmediate(resolve, value))), pipe(log, 'b2'))
          b: unknown,
          @Payload('to', pipe(log, 'c1')) c: unknown,
        ): unknown {
          return [a, b, c];
        }
      }
      return { handler: Handlers, payload: { n: 1, to: 'x' } };
    },
    { kind: 'chain', value: [{ n: 1, to: 'x' }, 1, 'x'], log: ['pipe c1', 'pipe b1', 'pipe a1', 'pipe a2', 'pipe b2'] },
  ],
  [
    'runs no pipe when no parameter is decorated',
    (log) => ({ ...bare((payload) => payload), configure: (config) => config.useGlobalPipes(pipe(log, 'main', () => 'piped')) }),
    { kind: 'direct', value: { to: 'a', n: '7' }, log: [] },
  ],
  [
    'passes a valid payload through a global ValidationPipe as it is',
    () => validated({ to: 'a', n: 1 }),
    { kind: 'chain', value: [false, 'a', 'job-1'] },
  ],
  ['makes a DTO of a valid payload', () => validated({ to: 'a', n: 1 }, { transform: true }), { kind: 'chain', value: [true, 'a', 'job-1'] }],
  [
    'refuses an invalid payload',
    () => validated({ to: 1, n: 1.5 }),
    { kind: 'chain', error: 'BadRequestException: Bad Request Exception ["to must be a string","n must be an integer number"]' },
  ],
  [
    'refuses an absent payload',
    () => validated(undefined),
    { kind: 'chain', error: 'BadRequestException: Bad Request Exception ["to must be a string","n must be an integer number"]' },
  ],
];

// Nest 12 only: pipes see the schema of a parameter.
if (nestMajor >= 12) {
  const schema = z.object({ n: z.coerce.number() });
  const scenario = (payload: unknown): Scenario => {
    const { StandardSchemaValidationPipe } = common as unknown as { StandardSchemaValidationPipe: new () => PipeTransform };
    @Injectable()
    class Handlers {
      @UsePipes(new StandardSchemaValidationPipe())
      handle(parsed: unknown): unknown {
        return parsed;
      }
    }
    (Payload as unknown as (options: object) => ParameterDecorator)({ schema })(Handlers.prototype, 'handle', 0);
    return { handler: Handlers, payload };
  };
  pipes.push(
    ['gets what the schema of @Payload() makes of the payload', () => scenario({ n: '7' }), { kind: 'chain', value: { n: 7 } }],
    [
      'refuses a payload that fails the schema of @Payload()',
      () => scenario({ n: 'seven' }),
      { kind: 'chain', error: 'BadRequestException: Bad Request Exception ["n: Invalid input: expected number, received NaN"]' },
    ],
  );
}
