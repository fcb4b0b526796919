import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Settings } from '../settings.js';
import type { Recipient } from './email-jobs.js';

/** A mail server that needs some time and writes every mail into a file. The name of the file says whose mail it is and which process sent it. */
export class Outbox {
  private sent = 0;

  constructor(private readonly settings: Settings) {}

  /** Resolves when the mail is out. A kill before that leaves no mail; a kill just after it leaves a mail whose job runs again. */
  async send({ run, number, email }: Recipient, jobId: string): Promise<void> {
    const { outbox, workMs } = this.settings;
    await setTimeout(workMs);
    await mkdir(outbox, { recursive: true });
    const name = `${run}.${number}.${process.env['KERNEL_NAME'] ?? 'kernel'}.${process.pid}-${++this.sent}`;
    const text = [`To: ${email}`, `Message-ID: <${jobId}@sample.example.com>`, 'Subject: Welcome!', '', 'Nice to have you with us.', ''].join('\r\n');
    await writeFile(join(outbox, `.${name}`), text);
    await rename(join(outbox, `.${name}`), join(outbox, `${name}.eml`));
  }
}
