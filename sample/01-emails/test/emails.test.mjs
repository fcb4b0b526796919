// The sample from end to end: three people sign up, and the outbox is looked at.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const SIGNUPS = 'email,name,expect\nada@example.com,Ada,ok\nbob@example.com,"Bob, junior",refused-once\ncy@example.com,Cy,refused-always\n';

test('every signup is accounted for', { timeout: 60_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sample-01-emails-'));
  t.after(() => rm(folder, { recursive: true }));
  const csv = join(folder, 'signups.csv');
  await writeFile(csv, SIGNUPS);

  const env = { ...process.env, PORT: '0', OUTBOX: join(folder, 'outbox'), DATA_DIR: join(folder, 'data') };
  const sample = spawn(process.execPath, [MAIN, '--once', '--csv', csv], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [status]] = await Promise.all([text(sample.stdout), once(sample, 'exit')]);

  assert.equal(status, 0, output);
  assert.match(output, /All 3 signups are accounted for/);
  const mails = (await readdir(join(folder, 'outbox'))).map((file) => file.replace(/^\d+-/, '')).sort();
  assert.deepEqual(mails, [
    'email.tips-ada@example.com.eml',
    'email.tips-bob@example.com.eml',
    'email.welcome-ada@example.com.eml',
    'email.welcome-bob@example.com.eml',
  ]);
});
