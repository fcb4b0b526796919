// A Nest application whose handlers run in workers, on the built library. It serves HTTP, as most applications do. Lines on its standard output:
//   ready <port> <pids of the workers>
//   progress <json>, completed <name>, failed <name>: events of the kernel
// A line on its standard input is pushed: the name of the job. "!break" lets its service say that it cannot go on.
import { createInterface } from 'node:readline';
import { Injectable, Logger, Module, Scope } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Dispatcher, JobCtx, JobHandler, JobsKernel, JobsModule, JobsService } from '../../../dist/index.js';

const { PORT = '0', WORKERS = '4', SHUTDOWN = '2', POOLS, HOOKS, ON_FAILURE, CONFIG_FILE, LOGS, BROKEN, RR_MODE } = process.env;
const say = (line) => process.stdout.write(`${line}\n`);

/** What a decorated method of TypeScript looks like. */
function handler(Class, method, name, queue = 'q') {
  JobCtx()(Class.prototype, method, 0);
  JobHandler(name, { queue })(Class.prototype, method, Object.getOwnPropertyDescriptor(Class.prototype, method));
}
function injects(Class, ...types) {
  Reflect.defineMetadata('design:paramtypes', types, Class);
  return Class;
}

class PerJob {
  static made = 0;
  number = ++PerJob.made;
}
Injectable({ scope: Scope.REQUEST })(PerJob);

class Handlers {
  constructor(jobs) {
    this.jobs = jobs;
    this.logger = new Logger('Handlers');
    this.logger.log('a line of the boot');
    if (BROKEN !== undefined && RR_MODE !== undefined) throw new Error('There is no database.');
  }
  async where(context) {
    context.progress({ pid: process.pid });
  }
  async elsewhere(context) {
    context.progress({ elsewhere: process.pid });
  }
  async chain(context) {
    console.log('a stray line on standard output');
    await this.jobs.queue('q').push('where', { from: context.id });
  }
  busy() {
    return new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  brief() {
    return new Promise((resolve) => setTimeout(resolve, 500));
  }
  log() {
    this.logger.log('a line of a handler');
  }
  fail() {
    throw new TypeError('It is broken.');
  }
  async final(context) {
    context.progress({ finalized: Handlers.finalized });
  }
}
Injectable()(injects(Handlers, JobsService));
for (const name of ['where', 'chain', 'busy', 'brief', 'log', 'fail', 'final']) handler(Handlers, name, name);
handler(Handlers, 'elsewhere', 'elsewhere', 'slo*'); // a pattern: the queue is only there with POOLS

class Scoped {
  constructor(perJob) {
    this.perJob = perJob;
  }
  scoped(context) {
    context.progress({ scoped: this.perJob.number });
  }
}
Injectable({ scope: Scope.REQUEST })(injects(Scoped, PerJob));
handler(Scoped, 'scoped', 'scoped');

/** Opened and closed with the application: a worker runs the hooks too. */
class Database {
  onModuleDestroy() {
    console.log(`closed in ${process.pid}`);
  }
}
Injectable()(Database);

class Other {
  canServe(environment) {
    return environment.isSpawnedFor('other');
  }
  async serve() {
    console.log('other is served');
  }
}
Dispatcher()(Other);

/** A source of work beside the jobs. */
const meter = {
  name: 'meter',
  init() {},
  serve(onError) {
    meter.break = () => onError(new Error('the device is gone'));
  },
  async stop() {
    say('meter stopped');
  },
};

function kernelOptions() {
  if (CONFIG_FILE !== undefined) return { configFile: CONFIG_FILE };
  const q = { driver: 'memory', attempts: 1 };
  const numWorkers = Number(WORKERS);
  if (POOLS === undefined) return { pipelines: { q }, pool: { numWorkers }, services: [meter] };
  return { pipelines: { q, slow: { driver: 'memory', pool: 'slow' } }, pools: { fast: { numWorkers }, slow: { numWorkers: 1 } }, services: [meter] };
}

// oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest
class AppModule {
  constructor(kernel) {
    kernel.addFinalizer((terminate) => {
      if (!terminate) Handlers.finalized = (Handlers.finalized ?? 0) + 1;
    });
  }
}
Module({
  imports: [
    JobsModule.forRoot({
      ...kernelOptions(),
      ...(ON_FAILURE === undefined ? {} : { retry: { onFailure: ON_FAILURE } }),
      shutdown: { timeout: Number(SHUTDOWN), grace: 1 },
    }),
  ],
  providers: [PerJob, Handlers, Scoped, Database, Other],
})(injects(AppModule, JobsKernel));

const app = await NestFactory.create(AppModule, LOGS === undefined ? { logger: ['warn', 'error'] } : {});
if (HOOKS !== 'off') app.enableShutdownHooks();
await app.listen(Number(PORT), '127.0.0.1');
const jobs = app.get(JobsService);
jobs.on('progress', ({ progress }) => say(`progress ${JSON.stringify(progress)}`));
jobs.on('completed', ({ name }) => say(`completed ${name}`));
jobs.on('failed', ({ name, error }) => say(`failed ${name} ${error.type} ${error.message}`));
jobs.on('active', ({ name }) => say(`active ${name}`));
const pids = (await jobs.admin.workers()).map(({ pid }) => pid);
say(`ready ${app.getHttpServer().address().port} ${pids.join(' ')}`);
createInterface({ input: process.stdin }).on(
  'line',
  (name) => void (name === '!break' ? meter.break() : jobs.queue(name === 'elsewhere' ? 'slow' : 'q').push(name, null)),
);
