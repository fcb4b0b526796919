// The process of one start: `node bench/start-up.mjs empty|microservices|jobs`. Sends its milliseconds when the application is ready.
import 'reflect-metadata';

const [what] = process.argv.slice(2);
const { Module } = await import('@nestjs/common');
const { NestFactory } = await import('@nestjs/core');
if (what !== 'empty') await import('@nestjs/microservices');
/** @type {import('@nestjs/common').ModuleMetadata} */
let metadata = {};
if (what === 'jobs') {
  const { JobsModule } = await import('nestjs-roadrunner');
  metadata = { imports: [JobsModule.forRoot({ pipelines: { emails: { driver: 'memory' } } })] };
}
class App {}
Module(metadata)(App);
await NestFactory.createApplicationContext(App, { logger: false });
const wallMs = performance.now();
const { user, system } = process.cpuUsage();
process.send?.({ wallMs, cpuMs: (user + system) / 1_000 }, () => process.exit());
