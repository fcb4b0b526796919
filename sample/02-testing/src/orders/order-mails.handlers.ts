import { Injectable, UseGuards, ValidationPipe } from '@nestjs/common';
import { JobAttempt, JobHandler, JobPayload } from 'nestjs-roadrunner';
import { Mailer } from './mailer.js';
import { AskFeedback, ConfirmOrder } from './order-jobs.js';
import { OrderDto } from './order.dto.js';
import { WantsMailsGuard } from './wants-mails.guard.js';

@Injectable()
export class OrderMailsHandlers {
  constructor(private readonly mailer: Mailer) {}

  /** Answers the subject. Nobody waits for it but tests. */
  @JobHandler(ConfirmOrder)
  async confirm(@JobPayload(ValidationPipe) { id, email }: OrderDto, @JobAttempt() attempt: number): Promise<string> {
    const subject = `Your order ${id}${attempt > 1 ? ' (sorry for the delay)' : ''}`;
    await this.mailer.send(email, subject);
    return subject;
  }

  @JobHandler(AskFeedback)
  @UseGuards(WantsMailsGuard)
  async askFeedback(@JobPayload(ValidationPipe) { id, email }: OrderDto): Promise<void> {
    await this.mailer.send(email, `How do you like what you got with order ${id}?`);
  }
}
