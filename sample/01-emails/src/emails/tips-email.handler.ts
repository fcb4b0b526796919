import { Injectable } from '@nestjs/common';
import { JobCtx, JobHandler, JobHeader, JobPayload, type JobContext } from 'nestjs-roadrunner';
import { Mailer } from '../mail/mailer.js';
import { EMAILS, TIPS_EMAIL, type Recipient } from './email-jobs.js';

@Injectable()
export class TipsEmailHandler {
  constructor(private readonly mailer: Mailer) {}

  @JobHandler(TIPS_EMAIL, { queue: EMAILS })
  async send(@JobPayload() to: Recipient, @JobHeader('source') source: string, @JobCtx() { id, name }: JobContext): Promise<void> {
    await this.mailer.send({
      to,
      subject: 'Three tips to begin with',
      text: `Hello ${to.name},\n\nopen it, use it, enjoy it.\n`,
      jobId: id,
      job: name,
      source,
    });
  }
}
