import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Settings } from '../settings/settings.js';
import { LineFile } from '../storage/line-file.js';

/** What the mail server does with mails to one address. */
export type MailboxMood = 'ok' | 'refused-once' | 'refused-always';

/** An answer of SMTP: 4xx says "try again later", 5xx "never". */
export interface Refusal {
  readonly code: number;
  readonly text: string;
}

const GREYLISTED: Refusal = { code: 451, text: '4.7.1 Greylisted, please try again in a moment' };
const MAILBOX_FULL: Refusal = { code: 452, text: '4.2.2 The mailbox is full' };

/** Which addresses the mail server refuses, and how often: real servers have such days. */
@Injectable()
export class Refusals {
  private readonly moods = new Map<string, MailboxMood>();
  private readonly file: LineFile;
  /** Addresses that were refused once. A real mail server remembers them when its client is killed; this one has a file for it. */
  private refused = new Set<string>();

  constructor(settings: Settings) {
    this.file = new LineFile(join(settings.dataDir, 'refused-once.txt'));
  }

  async load(): Promise<void> {
    this.refused = new Set(await this.file.open());
  }

  async forget(): Promise<void> {
    await this.file.clear();
    this.refused.clear();
  }

  set(address: string, mood: MailboxMood): void {
    this.moods.set(address.toLowerCase(), mood);
  }

  /** Why a mail to this address is refused now; `undefined` when it is taken. */
  next(address: string): Refusal | undefined {
    const key = address.toLowerCase();
    const mood = this.moods.get(key) ?? 'ok';
    if (mood === 'refused-always') return MAILBOX_FULL;
    if (mood === 'ok' || this.refused.has(key)) return undefined;
    this.refused.add(key);
    this.file.add(key);
    return GREYLISTED;
  }

  /** From now on every mail is taken. Answers how many addresses were refused. */
  clear(): number {
    const refused = [...this.moods].filter(([key, mood]) => mood === 'refused-always' || (mood === 'refused-once' && !this.refused.has(key))).length;
    this.moods.clear();
    return refused;
  }
}
