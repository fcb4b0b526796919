import { Injectable } from '@nestjs/common';
import { JobCtx, JobHandler, JobPayload, type JobContext } from 'nestjs-roadrunner';
import { WelcomeEmail, type Recipient } from './email-jobs.js';
import { Outbox } from './outbox.js';

@Injectable()
export class WelcomeEmailHandler {
  constructor(private readonly outbox: Outbox) {}

  @JobHandler(WelcomeEmail)
  async send(@JobPayload() to: Recipient, @JobCtx() { id }: JobContext): Promise<void> {
    await this.outbox.send(to, id);
  }
}
