// The sample from end to end: ticks in the file, a file of the folder answered by a worker, and an end without remains.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SAMPLE = dirname(dirname(fileURLToPath(import.meta.url)));

test('ticks are written and files are counted', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ticker-'));
  const inbox = join(folder, 'inbox');
  const app = spawn(process.execPath, [join(SAMPLE, 'dist/main.js')], {
    cwd: folder,
    env: { ...process.env, INBOX: inbox, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const printed = (pattern) =>
    new Promise((resolve) => {
      const look = () => pattern.exec(output) && resolve(pattern.exec(output));
      app.stdout.on('data', look);
      look();
    });
  app.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const ticks = () => {
    try {
      return readFileSync(join(folder, 'ticks.txt'), 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  };

  await printed(/Services: ticker, folder\./);
  writeFileSync(join(folder, 'note.txt'), 'to be or not to be');
  renameSync(join(folder, 'note.txt'), join(inbox, 'note.txt'));
  const [, pid] = await printed(/note\.txt: 6 words, 4 of them different \(counted by process (\d+)\)/);
  assert.notEqual(Number(pid), app.pid);

  await new Promise((resolve) => {
    const watcher = watch(folder, () => {
      if (ticks().length < 2) return;
      watcher.close();
      resolve();
    });
  });
  assert.deepEqual(ticks().slice(0, 2), ['0', '1']);

  const ended = once(app, 'exit');
  app.kill('SIGTERM');
  await ended;
  assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
  rmSync(folder, { recursive: true });
});
