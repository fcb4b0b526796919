import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import { UnrecoverableJobError } from 'nestjs-roadrunner';
import type { Mail } from './mail.js';
import { MailServer } from './mail-server.js';

/** Connections to the mail server: as many as there are jobs at once. */
export const MAX_CONNECTIONS = 8;

const FROM = { name: 'The sample', address: 'hello@example.com' };

/** Sends mails over SMTP. */
@Injectable()
export class Mailer implements OnApplicationBootstrap, OnApplicationShutdown {
  private transport: ReturnType<typeof openTransport> | undefined;

  constructor(private readonly server: MailServer) {}

  onApplicationBootstrap(): void {
    this.transport = openTransport(this.server.address);
  }

  onApplicationShutdown(): void {
    this.transport?.close();
  }

  /**
   * Resolves when the server has taken the mail.
   *
   * @throws UnrecoverableJobError when it will never take it: trying again would only harm the sender's name.
   */
  async send({ to, subject, text, jobId, job, source }: Mail): Promise<void> {
    try {
      await this.transport?.sendMail({
        from: FROM,
        to: { name: to.name, address: to.email },
        subject,
        text,
        // A job runs at least once. The same id at every run lets the receiver drop a second copy.
        messageId: `<${jobId}@sample.example.com>`,
        headers: { 'X-Job': job, 'X-Job-Id': jobId, 'X-Source': source },
      });
    } catch (error) {
      const { responseCode } = error as { readonly responseCode?: number };
      if (responseCode !== undefined && responseCode >= 500)
        throw new UnrecoverableJobError(`The mail server says no: ${(error as Error).message}`, { cause: error });
      throw error;
    }
  }
}

function openTransport({ host, port }: MailServer['address']) {
  return createTransport({ host, port, pool: true, maxConnections: MAX_CONNECTIONS, maxMessages: Infinity, secure: false, ignoreTLS: true });
}
