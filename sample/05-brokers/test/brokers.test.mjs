// The sample from end to end: with the drivers that need no broker, and with the one that JOBS_DRIVER and BROKER_URL name.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const DEMO = fileURLToPath(new URL('../dist/demo.js', import.meta.url));
const MAILS = 60;
const { JOBS_DRIVER, BROKER_URL } = process.env;
const withBroker = BROKER_URL !== undefined && JOBS_DRIVER !== undefined ? [JOBS_DRIVER] : [];

for (const driver of ['memory', 'embedded', ...withBroker]) {
  test(`every mail is out with the driver "${driver}"`, { timeout: 60_000 }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sample-05-brokers-'));
    t.after(() => rm(folder, { recursive: true }));
    const outbox = join(folder, 'outbox');
    const env = {
      ...process.env,
      JOBS_DRIVER: driver,
      OUTBOX: outbox,
      DATA_DIR: join(folder, 'data'),
      MAILS: String(MAILS),
      QUEUE: `emails-${Date.now()}`,
    };
    const demo = spawn(process.execPath, [DEMO], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const [output, [status]] = await Promise.all([text(demo.stdout), once(demo, 'exit')]);

    assert.equal(status, 0, output);
    assert.match(output, new RegExp(`All ${MAILS} people have their mail`));
    const people = new Set((await readdir(outbox)).map((file) => file.split('.')[1]));
    assert.equal(people.size, MAILS);
  });
}
