// An application of its own process, on the built library. The argument says how its handler behaves:
//   quick   ends at once; the application closes itself then
//   slow    takes a moment
//   deaf    never ends, whatever the signal says
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JobHandler, JobsModule, JobsService } from '../../../dist/index.js';

const WORK_MS = 200;
const [behaviour] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${line}\n`);

class Handlers {
  async handle() {
    say('started');
    if (behaviour === 'slow') await new Promise((resolve) => setTimeout(resolve, WORK_MS));
    if (behaviour === 'deaf') await new Promise(() => {});
    say('done');
  }
}
JobHandler('work')(Handlers.prototype, 'handle', Object.getOwnPropertyDescriptor(Handlers.prototype, 'handle'));

class AppModule {}
Module({
  imports: [JobsModule.forRoot({ pipelines: { q: { driver: 'memory' } }, shutdown: { timeout: behaviour === 'deaf' ? 0.1 : 25, grace: 0.1 } })],
  providers: [Handlers],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
const jobs = app.get(JobsService);
const completed = new Promise((resolve) => jobs.on('completed', resolve));
await jobs.queue('q').push('work', null);
if (behaviour === 'quick') {
  await completed;
  await app.close();
}
