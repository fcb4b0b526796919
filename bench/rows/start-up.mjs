// Milliseconds from the start of the process to a Nest application that is ready.

export const rows = {
  'an empty Nest context': () => measureStart(async () => ({})),
  'a Nest context, @nestjs/microservices imported': () =>
    measureStart(async () => {
      await import('@nestjs/microservices');
      return {};
    }),
  'a Nest context, JobsModule with a memory pipeline': () =>
    measureStart(async () => {
      await import('@nestjs/microservices');
      const { JobsModule } = await import('nestjs-roadrunner');
      return { imports: [JobsModule.forRoot({ pipelines: { emails: { driver: 'memory' } } })] };
    }),
};

/** @param {() => Promise<import('@nestjs/common').ModuleMetadata>} metadataOf */
async function measureStart(metadataOf) {
  await import('reflect-metadata');
  const { Module } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  class App {}
  Module(await metadataOf())(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const wallMs = performance.now();
  const { user, system } = process.cpuUsage();
  await app.close();
  return { wallMs, cpuMs: (user + system) / 1_000 };
}
