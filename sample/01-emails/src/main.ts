import 'reflect-metadata';
import { ConsoleLogger, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { Demo } from './demo/demo.js';
import { Settings } from './settings/settings.js';

const HOST = '127.0.0.1';

async function main(): Promise<void> {
  // Every retry is a warning and every failed job an error: a thousand signups would write over the progress.
  const logger = new ConsoleLogger({ logLevels: ['fatal'] });
  const app = await NestFactory.create(AppModule, { logger, abortOnError: false });
  app.enableShutdownHooks();
  const settings = app.get(Settings);
  const url = await listen(app, settings);
  const demo = app.get(Demo);
  if (settings.signupsFile === undefined) demo.printLeftJobs();
  const isComplete = settings.signupsFile === undefined || (await demo.run(url, settings.signupsFile));
  if (settings.once) {
    process.exitCode = isComplete ? 0 : 1;
    await app.close();
    return;
  }
  logger.setLogLevels(['log', 'warn', 'error', 'fatal']);
  demo.printInvitation(url);
}

/** At the port that was asked for; at a free one when the usual one is taken. */
async function listen(app: INestApplication, { port, isPortFixed }: Settings): Promise<string> {
  try {
    await app.listen(port, HOST);
  } catch (error) {
    if (isPortFixed || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await app.listen(0, HOST);
  }
  return app.getUrl();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
