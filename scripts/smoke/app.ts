// An HTTP application with one job: the request answers at once, the handler runs behind it. Compiled as an ES module and as CommonJS.
import 'reflect-metadata';
import { Body, Controller, Injectable, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JobHandler, JobPayload, JobsModule, JobsService } from 'nestjs-roadrunner';

interface Mail {
  readonly to: string;
}

@Injectable()
class Outbox {
  readonly delivered: Promise<Mail>;
  #deliver!: (mail: Mail) => void;

  constructor() {
    this.delivered = new Promise((resolve) => (this.#deliver = resolve));
  }

  put(mail: Mail): void {
    this.#deliver(mail);
  }
}

@Injectable()
class WelcomeMail {
  readonly #outbox: Outbox;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  @JobHandler('mail.welcome', { queue: 'mail' })
  send(@JobPayload() mail: Mail): void {
    this.#outbox.put(mail);
  }
}

@Controller('signup')
class SignupController {
  readonly #jobs: JobsService;

  constructor(jobs: JobsService) {
    this.#jobs = jobs;
  }

  @Post()
  async signUp(@Body() body: { email: string }): Promise<{ id: string }> {
    const task = await this.#jobs.queue('mail').push('mail.welcome', { to: body.email });
    return { id: task.id };
  }
}

@Module({
  imports: [JobsModule.forRoot({ pipelines: { mail: { driver: 'memory' } }, consume: ['mail'] })],
  controllers: [SignupController],
  providers: [WelcomeMail, Outbox],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  const response = await fetch(`${await app.getUrl()}/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.test' }),
  });
  const { id } = (await response.json()) as { id: string };
  const mail = await app.get(Outbox).delivered;
  if (response.status !== 201 || id === '' || mail.to !== 'ada@example.test') {
    throw new Error(`Status ${response.status}, job ${id}, delivered to ${mail.to}.`);
  }
  await app.close();
  console.log('ok');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
