import { Injectable } from '@nestjs/common';

/** Sends mails. In a real application over SMTP; here it says what it would send. */
@Injectable()
export class Mailer {
  async send(to: string, subject: string): Promise<void> {
    process.stdout.write(`To ${to}: ${subject}\n`);
  }
}
