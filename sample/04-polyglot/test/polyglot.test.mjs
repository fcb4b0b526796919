// The sample from end to end: the application, and each shop whose language is installed.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SAMPLE = dirname(dirname(fileURLToPath(import.meta.url)));
const SHOPS = [
  { shop: 'Python', orders: 'py', command: ['python3', join(SAMPLE, 'clients/python/shop.py')], probe: '--version' },
  { shop: 'Go', orders: 'go', command: ['go', 'run', join(SAMPLE, 'clients/go/shop.go')], probe: 'version' },
];

let app;
let output = '';
let look = () => {};

/** Waits for a line of the application. */
function printed(pattern) {
  return new Promise((resolve) => {
    look = () => {
      const match = pattern.exec(output);
      if (match !== null) resolve(match);
    };
    look();
  });
}

before(() => {
  const env = { ...process.env, RPC: 'tcp://127.0.0.1:0', NO_COLOR: '1' };
  app = spawn(process.execPath, [join(SAMPLE, 'dist/main.js')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  app.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    look();
  });
});

after(async () => {
  const ended = once(app, 'exit');
  app.kill('SIGTERM');
  await ended;
});

for (const { shop, orders, command, probe } of SHOPS) {
  const isMissing = spawnSync(command[0], [probe]).status !== 0;
  test(`orders of the ${shop} shop become invoices`, { timeout: 60_000, skip: isMissing && `${command[0]} is not installed` }, async () => {
    const [, address] = await printed(/Open to other processes at tcp:\/\/(\S+?)\.?\s/);
    const [program, ...args] = command;
    const { stdout, stderr, status } = spawnSync(program, [...args, address], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^Pipelines: invoices$/m);
    assert.match(stdout, /^invoices \(memory\): \d active, 1 delayed$/m);
    assert.match(stdout, /^Refused: .*letters/m);
    for (const order of [1, 2, 3]) await printed(new RegExp(`order ${orders}-${order} of the ${shop} shop`));
  });
}
