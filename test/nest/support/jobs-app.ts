import type { CanActivate, INestApplicationContext, LoggerService, ModuleMetadata, NestInterceptor, Provider } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import {
  JobsKernel,
  JobsModule,
  JobsService,
  type FailedJob,
  type JobsEventMap,
  type JobsEventName,
  type JobsModuleExtras,
  type JobsModuleOptions,
} from '../../../lib/index.js';
import { Inbox } from '../../support/inbox.js';
import { settled } from '../../support/kernel.js';

/** One line of the application's log. */
export interface AppLine {
  readonly level: 'debug' | 'log' | 'warn' | 'error';
  readonly message: string;
  readonly context: string | undefined;
  readonly stack: string | undefined;
}

/** A logger of Nest that remembers. */
export class LogKeeper implements LoggerService {
  readonly lines: AppLine[] = [];

  debug(message: string, ...rest: unknown[]): void {
    this.#keep('debug', message, rest);
  }

  log(message: string, ...rest: unknown[]): void {
    this.#keep('log', message, rest);
  }

  warn(message: string, ...rest: unknown[]): void {
    this.#keep('warn', message, rest);
  }

  error(message: string, ...rest: unknown[]): void {
    this.#keep('error', message, rest);
  }

  /** What this library wrote at one level. */
  ours(level: AppLine['level']): string[] {
    return this.lines.filter((line) => line.context === 'JobsModule' && line.level === level).map(({ message }) => message);
  }

  #keep(level: AppLine['level'], message: string, rest: readonly unknown[]): void {
    const context = rest.at(-1) as string | undefined;
    this.lines.push({ level, message, context, stack: rest.length > 1 ? (rest[0] as string | undefined) : undefined });
  }
}

export interface AppParts extends ModuleMetadata {
  /** Default: one memory pipeline `q`. */
  readonly jobs?: JobsModuleOptions & JobsModuleExtras;
  /** What a test overrides. */
  readonly override?: (builder: TestingModuleBuilder) => TestingModuleBuilder;
}

export interface OpenedApp {
  readonly app: INestApplicationContext;
  readonly jobs: JobsService;
  readonly kernel: JobsKernel;
  readonly log: LogKeeper;
}

/** Runs at once again: for tests of what is retried, not of when. */
export const AT_ONCE = { type: 'fixed', delay: 0, jitter: 'none' } as const;

const closers: (() => Promise<unknown>)[] = [];

/** To be ended after the test, last opened first. */
export function closeLater(close: () => Promise<unknown>): void {
  closers.unshift(close);
}

/** To be called after each test. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0)) await close();
}

/** An application with the jobs module, ready to run jobs. */
export async function openApp({ jobs = {}, imports = [], override = (builder) => builder, ...rest }: AppParts = {}): Promise<OpenedApp> {
  const log = new LogKeeper();
  const options = { pipelines: { q: { driver: 'memory' } }, retry: { backoff: AT_ONCE }, ...jobs };
  const builder = Test.createTestingModule({ ...rest, imports: [JobsModule.forRoot(options), ...imports] });
  const app = await override(builder).setLogger(log).compile();
  await app.init();
  closeLater(() => app.close());
  return { app, jobs: app.get(JobsService), kernel: app.get(JobsKernel), log };
}

/** The error that keeps an application from starting. */
export async function bootError(parts: AppParts): Promise<Error> {
  try {
    await openApp(parts);
  } catch (error) {
    return error as Error;
  }
  throw new Error('The application started.');
}

/** What happens from here on. */
export function eventsOf<E extends JobsEventName>(jobs: JobsService, name: E): Inbox<JobsEventMap[E]> {
  const inbox = new Inbox<JobsEventMap[E]>();
  jobs.on(name, (event) => inbox.put(event));
  return inbox;
}

/** Waits until the job has failed for good and is kept. */
export async function nextFailed(jobs: JobsService, push: () => Promise<unknown>): Promise<FailedJob> {
  const failed = eventsOf(jobs, 'failed');
  await push();
  const { id } = await failed.next();
  await settled();
  const job = await jobs.admin.failed.get(id);
  if (job === undefined) throw new Error(`Job ${id} is not in the failed store.`);
  return job;
}

const passGuard: CanActivate = { canActivate: () => true };
const passInterceptor: NestInterceptor = { intercept: (_context, next) => next.handle() };

/** A guard and an interceptor that change nothing, around every handler. */
export const FULL_PIPELINE: readonly Provider[] = [
  { provide: APP_GUARD, useValue: passGuard },
  { provide: APP_INTERCEPTOR, useValue: passInterceptor },
];
