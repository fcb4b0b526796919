import { appendFileSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file of lines that are only added: what was added outlives the process, also when it is killed. */
export class LineFile {
  constructor(private readonly path: string) {}

  /** Before the first line is added. What is there stays. */
  async open(): Promise<string[]> {
    await mkdir(dirname(this.path), { recursive: true });
    const text = await readFile(this.path, { encoding: 'utf8', flag: 'a+' }); // makes the file where there is none
    // After a power failure the last line may be half a line: it is not continued.
    if (text !== '' && !text.endsWith('\n')) this.add('');
    return text.split('\n').filter((line) => line !== '');
  }

  /** One write of the system: with a kill it is in the file, or it is not. */
  add(line: string): void {
    appendFileSync(this.path, `${line}\n`);
  }

  async clear(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
