import { Injectable } from '@nestjs/common';

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

  set(address: string, mood: MailboxMood): void {
    this.moods.set(address.toLowerCase(), mood);
  }

  /** Why a mail to this address is refused now; `undefined` when it is taken. */
  next(address: string): Refusal | undefined {
    const key = address.toLowerCase();
    const mood = this.moods.get(key) ?? 'ok';
    if (mood === 'refused-once') this.moods.set(key, 'ok');
    if (mood === 'ok') return undefined;
    return mood === 'refused-once' ? GREYLISTED : MAILBOX_FULL;
  }

  /** From now on every mail is taken. Answers how many addresses were refused. */
  clear(): number {
    const refused = [...this.moods.values()].filter((mood) => mood !== 'ok').length;
    this.moods.clear();
    return refused;
  }
}
