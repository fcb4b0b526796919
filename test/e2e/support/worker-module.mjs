// A module whose workers run it alone, on the built library: `main` below is for the process of the kernel.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JobCtx, JobHandler, JobsModule, JobsService } from '../../../dist/index.js';

class Handlers {
  where(context) {
    context.progress({ pid: process.pid, hasMain: globalThis.hasMain === true });
  }
}
JobCtx()(Handlers.prototype, 'where', 0);
JobHandler('where', { queue: 'q' })(Handlers.prototype, 'where', Object.getOwnPropertyDescriptor(Handlers.prototype, 'where'));

export class AppModule {}
Module({
  imports: [
    JobsModule.forRoot({ pipelines: { q: { driver: 'memory' } }, pool: { numWorkers: 1, module: new URL('#AppModule', import.meta.url).href } }),
  ],
  providers: [Handlers],
})(AppModule);

if (process.argv[1] === new URL(import.meta.url).pathname) {
  globalThis.hasMain = true;
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  app.enableShutdownHooks();
  const jobs = app.get(JobsService);
  jobs.on('progress', ({ progress }) => process.stdout.write(`progress ${JSON.stringify(progress)}\n`));
  await jobs.queue('q').push('where', null);
}
