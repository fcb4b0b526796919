import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Settings } from '../settings/settings.js';
import { LineFile } from '../storage/line-file.js';

/** Stands behind the last signup of a run that came to its end. No address begins with it. */
const END = '# end';

/** The signups of the file that the API has taken: a run that was killed goes on behind them. */
@Injectable()
export class TakenSignups {
  private readonly file: LineFile;
  /** A run in memory has nothing to go on with, and leaves the notes of others as they are. */
  private readonly isNoted: boolean;
  private emails = new Set<string>();
  private isEnded = false;

  constructor(settings: Settings) {
    this.file = new LineFile(join(settings.dataDir, 'signups-taken.txt'));
    this.isNoted = settings.driver !== 'memory';
  }

  /** True when signups were taken and the run did not come to its end. */
  get isUnfinished(): boolean {
    return this.emails.size > 0 && !this.isEnded;
  }

  async load(): Promise<void> {
    const lines = await this.file.open();
    this.isEnded = lines.includes(END);
    this.emails = new Set(lines.filter((line) => line !== END));
  }

  has(email: string): boolean {
    return this.emails.has(email);
  }

  /** To be called when the API has answered, and its jobs are on the disk: a kill before this line lets the signup be sent again. */
  add(email: string): void {
    if (this.isNoted) this.file.add(email);
    this.emails.add(email);
  }

  end(): void {
    if (this.isNoted && !this.isEnded) this.file.add(END);
    this.isEnded = true;
  }

  async clear(): Promise<void> {
    if (this.isNoted) await this.file.clear();
    this.emails.clear();
    this.isEnded = false;
  }
}
