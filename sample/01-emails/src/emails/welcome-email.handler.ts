import { Injectable } from '@nestjs/common';
import { JobCtx, JobHandler, JobHeader, JobPayload, type JobContext } from 'nestjs-roadrunner';
import { Mailer } from '../mail/mailer.js';
import { WelcomeEmail, type Recipient } from './email-jobs.js';

@Injectable()
export class WelcomeEmailHandler {
  constructor(private readonly mailer: Mailer) {}

  @JobHandler(WelcomeEmail)
  async send(@JobPayload() to: Recipient, @JobHeader('source') source: string, @JobCtx() { id, name }: JobContext): Promise<void> {
    await this.mailer.send({
      to,
      subject: `Welcome, ${to.name}!`,
      text: `Hello ${to.name},\n\nnice to have you with us.\n`,
      jobId: id,
      job: name,
      source,
    });
  }
}
