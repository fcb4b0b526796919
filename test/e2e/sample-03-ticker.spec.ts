import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTempFolder } from '../support/temp-folder.js';
import { isAlive, RunningProgram, until } from './support/running-program.js';

const MAIN = join(process.cwd(), 'sample/03-ticker/dist/main.js');
const TIMEOUT_MS = 60_000;

const running: RunningProgram[] = [];

afterEach(async () => {
  for (const program of running.splice(0)) await program.end('SIGKILL');
});

async function start(): Promise<{ app: RunningProgram; folder: string; ticks: () => string[] }> {
  const folder = createTempFolder();
  const app = new RunningProgram([process.execPath, MAIN], { cwd: folder });
  running.push(app);
  await app.printed(/Services: ticker, folder\./);
  const ticks = (): string[] => {
    try {
      return readFileSync(join(folder, 'ticks.txt'), 'utf8').trim().split('\n');
    } catch {
      return []; // the first tick is still to come
    }
  };
  return { app, folder, ticks };
}

describe('sample/03-ticker', () => {
  it(
    'writes a tick every second, counted from 0',
    async () => {
      const { app, ticks } = await start();
      await until(() => ticks().length >= 3, 10_000);
      expect(ticks().slice(0, 3)).toEqual(['0', '1', '2']);
      expect(await app.end()).toBe('SIGTERM');
    },
    TIMEOUT_MS,
  );

  it(
    'gives new files of the folder to workers, whose memory is cleared after each, and leaves no process',
    async () => {
      const { app, folder } = await start();
      const put = (name: string, text: string): void => {
        writeFileSync(join(folder, name), text);
        renameSync(join(folder, name), join(folder, 'inbox', name));
      };
      put('one.txt', 'to be or not to be');
      const [, pid] = await app.printed(/one\.txt: 6 words, 4 of them different \(counted by process (\d+)\)/);
      for (let file = 2; file < 5; file++) {
        put(`${file}.txt`, 'that is the question');
        await app.printed(new RegExp(`${file}\\.txt: 4 words, 4 of them different`));
      }
      expect(Number(pid)).not.toBe(app.pid);
      await app.end();
      expect(await until(() => !isAlive(Number(pid)), 5_000)).toBe(true);
    },
    TIMEOUT_MS,
  );
});
