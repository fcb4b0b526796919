import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../lib/contract/clock.js';
import { EmbeddedStore } from '../../lib/store/embedded.store.js';
import { createTempFolder } from '../support/temp-folder.js';

const SCRIPT = fileURLToPath(new URL('support/store-process.mjs', import.meta.url));
const KILLS = 20;
const TIMEOUT_MS = 60_000;

/** What the processes were answered, kept outside of the store. */
class Ledger {
  readonly counted: number[] = [];
  readonly won = new Map<number, string[]>();
  lost = 0;

  read(name: string, line: string): void {
    const [what, number] = line.split(' ');
    if (what === 'counted') this.counted.push(Number(number));
    else if (what === 'won') this.won.set(Number(number), [...new Set([...(this.won.get(Number(number)) ?? []), name])]);
    else this.lost++;
  }
}

class StoreProcess {
  readonly ended: Promise<unknown>;
  readonly #child: ChildProcess;
  #lines = 0;
  #waiting: { readonly lines: number; readonly resolve: () => void } | undefined;

  constructor(dataDir: string, name: string, ledger: Ledger) {
    this.#child = spawn(process.execPath, [SCRIPT, dataDir, name], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => {
      ledger.read(name, line);
      this.#lines++;
      if (this.#waiting !== undefined && this.#lines >= this.#waiting.lines) this.#waiting.resolve();
    });
    this.ended = Promise.all([once(this.#child, 'exit'), once(lines, 'close')]);
  }

  /** Resolves when it has said so many more lines; rejects when it ends before. */
  async says(lines: number): Promise<void> {
    const said = new Promise<void>((resolve) => (this.#waiting = { lines: this.#lines + lines, resolve }));
    const ended = this.ended.then(() => Promise.reject(new Error('The process ended before.')));
    await Promise.race([said, ended]);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  async end(): Promise<void> {
    this.#child.stdin!.write('end');
    await this.ended;
  }
}

describe('Two processes on one embedded store', () => {
  it(
    'lose no transaction and share no claim, although one of them is killed again and again',
    async () => {
      const dataDir = createTempFolder();
      const ledger = new Ledger();
      const survivor = new StoreProcess(dataDir, 'survivor', ledger);
      await survivor.says(1);
      for (let kill = 0; kill < KILLS; kill++) {
        const victim = new StoreProcess(dataDir, `victim-${kill}`, ledger);
        await victim.says(1 + Math.floor(Math.random() * 25));
        await victim.kill();
        // A lock that died with its holder would stop it.
        await survivor.says(4);
      }
      await survivor.end();

      const store = await EmbeddedStore.open({ dataDir, clock: systemClock });
      const count = Number(new TextDecoder().decode(await store.get('count')));
      expect(new Set(ledger.counted).size).toBe(ledger.counted.length);
      expect(Math.max(...ledger.counted)).toBeLessThanOrEqual(count);
      // Only what was under way at a kill, one transaction each, is there without an answer.
      expect(count - ledger.counted.length).toBeGreaterThanOrEqual(0);
      expect(count - ledger.counted.length).toBeLessThanOrEqual(KILLS + 1);
      // The other write of each transaction is there too.
      expect(await store.count('count/by/')).toBe(count);
      expect([...ledger.won.values()].filter((winners) => winners.length > 1)).toEqual([]);
      expect(ledger.lost).toBeGreaterThan(0);
      await store.close();
    },
    TIMEOUT_MS,
  );
});
