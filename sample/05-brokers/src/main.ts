// One process of the application.
//   node dist/main.js work            handles jobs until it is told to end
//   node dist/main.js push 400        pushes 400 jobs and ends
//   node dist/main.js both 400        pushes 400 jobs and handles them, for drivers whose jobs belong to one process
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { JobsService } from 'nestjs-roadrunner';
import { AppModule } from './app.module.js';
import { WelcomeEmail } from './emails/email-jobs.js';
import { readSettings } from './settings.js';

const [mode = 'work', count = '0'] = process.argv.slice(2);
const { RUN: run = 'by-hand' } = process.env;

const app = await NestFactory.createApplicationContext(AppModule.create(readSettings(process.env), mode === 'push' ? 'producer' : 'kernel'), {
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
console.log('ready');

if (mode !== 'work') {
  const jobs = app.get(JobsService);
  // Each push resolves when the broker has the job. All of them are on their way at once.
  const recipients = Array.from({ length: Number(count) }, (_, index) => ({ run, number: index + 1, email: `person-${index + 1}@example.com` }));
  await Promise.all(recipients.map((recipient) => jobs.push(WelcomeEmail, recipient)));
  console.log('pushed');
}

if (mode === 'push') await app.close();
else if (!process.stdin.isTTY) {
  // Whoever started this process is gone, maybe by a kill: end with it.
  process.stdin.on('end', () => void app.close()).resume();
}
