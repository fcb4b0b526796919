import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Settings } from '../settings/settings.js';

/** What tells one delivered mail from another. */
export interface DeliveredMail {
  readonly to: string;
  /** The name of the job that sent it. */
  readonly job: string;
  readonly jobId: string;
}

const MAIL = '.eml';
/** Of a mail that is being written. */
const UNFINISHED = '.part';

/** The folder where delivered mails end, one `.eml` file each. */
@Injectable()
export class Outbox {
  private count = 0;

  constructor(private readonly settings: Settings) {}

  get folder(): string {
    return this.settings.outbox;
  }

  /** To be called first. Numbers go on behind those that are there. */
  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    for (const file of await this.files(UNFINISHED)) await rm(join(this.folder, file));
    this.count = Math.max(0, ...(await this.files(MAIL)).map((file) => Number.parseInt(file, 10) || 0));
  }

  /** Only mails are removed: the folder may be a user's own. */
  async clear(): Promise<void> {
    for (const file of await this.files(MAIL)) await rm(join(this.folder, file));
    this.count = 0;
  }

  /** Numbered, so that a mail that is delivered twice shows as two files. A mail is there whole, or not at all. */
  async write(to: string, mail: Buffer): Promise<void> {
    const number = String(++this.count).padStart(5, '0');
    const job = headerOf(mail.toString('latin1'), 'X-Job') ?? 'mail';
    const path = join(this.folder, `${number}-${safe(job)}-${safe(to)}`);
    await writeFile(path + UNFINISHED, mail);
    await rename(path + UNFINISHED, path + MAIL);
  }

  /** Read from the files themselves. */
  async delivered(): Promise<DeliveredMail[]> {
    const mails: DeliveredMail[] = [];
    for (const file of await this.files(MAIL)) {
      const text = await readFile(join(this.folder, file), 'latin1');
      const to = /<([^<>]+)>\s*$/.exec(headerOf(text, 'To') ?? '')?.[1] ?? headerOf(text, 'To') ?? '';
      mails.push({ to: to.toLowerCase(), job: headerOf(text, 'X-Job') ?? '', jobId: headerOf(text, 'X-Job-Id') ?? file });
    }
    return mails;
  }

  private async files(ending: string): Promise<string[]> {
    return (await readdir(this.folder)).filter((file) => file.endsWith(ending)).sort();
  }
}

/** The value of a header on one line; long ones are folded in mails. */
function headerOf(mail: string, name: string): string | undefined {
  const head = mail.slice(0, mail.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  const line = head.split('\r\n').find((one) => one.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim();
}

function safe(text: string): string {
  return text.replace(/[^\w.@+-]/g, '_').slice(0, 100);
}
