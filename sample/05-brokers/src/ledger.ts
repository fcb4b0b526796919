import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

const LOOK_AGAIN_MS = 20;

/** What the files of the outbox say about one run. Counters of the application are not asked. */
export class Ledger {
  constructor(
    private readonly outbox: string,
    private readonly run: string,
    readonly mails: number,
  ) {}

  /** Mails by the name of the process that sent them. */
  sentBy(name: string): number {
    return this.entries().filter((entry) => entry.by === name).length;
  }

  /** Mails that are out, copies included. */
  get sent(): number {
    return this.entries().length;
  }

  /** People who have their mail. */
  get reached(): number {
    return new Set(this.entries().map(({ number }) => number)).size;
  }

  /** Waits until a statement about it is true. */
  async until(isTrue: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!isTrue()) {
      if (performance.now() > deadline) return false;
      await setTimeout(LOOK_AGAIN_MS);
    }
    return true;
  }

  private entries(): { number: string; by: string }[] {
    const files = readdirSync(this.outbox).filter((file) => file.startsWith(`${this.run}.`) && file.endsWith('.eml'));
    return files.map((file) => {
      const [, number = '', by = ''] = file.split('.');
      return { number, by };
    });
  }
}
