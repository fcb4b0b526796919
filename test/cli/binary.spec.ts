import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Inbox } from '../support/inbox.js';
import { createTempFolder } from '../support/temp-folder.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: string };
const YAML = 'version: "3"\nrpc: { listen: "tcp://127.0.0.1:0" }\njobs: { consume: [q], pipelines: { q: { driver: memory } } }\n';
const TIMEOUT_MS = 30_000;

interface Running {
  readonly child: ChildProcess;
  /** The lines of the standard output. */
  readonly lines: Inbox<string>;
}

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
});

/** The installed program, in a process of its own. */
function start(folder: string, args: readonly string[], input?: string): Running {
  const { RR_RPC: _address, ...env } = process.env;
  const child = spawn(process.execPath, [join(ROOT, bin), ...args], { cwd: folder, env, stdio: ['pipe', 'pipe', 'ignore'] });
  children.push(child);
  const lines = new Inbox<string>();
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    for (const part of parts) lines.put(part);
  });
  child.stdin.end(input);
  return { child, lines };
}

async function statusOf({ child }: Running): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  return child.exitCode;
}

async function serveIn(folder: string): Promise<{ readonly server: Running; readonly address: string }> {
  writeFileSync(join(folder, '.rr.yaml'), YAML);
  const server = start(folder, ['serve', '--json']);
  const { rpc } = JSON.parse(await server.lines.next()) as { rpc: string };
  return { server, address: rpc };
}

describe('the program', () => {
  it(
    'serves until SIGTERM and takes what another one pushes from its standard input',
    async () => {
      const { server, address } = await serveIn(createTempFolder());
      const push = start(createTempFolder(), ['jobs', 'push', 'q', 'work', '-', '--id', 'id-1', '--rpc', address], 'a payload');
      expect([await statusOf(push), await push.lines.next()]).toEqual([0, 'id-1']);
      server.child.kill('SIGTERM');
      expect(await statusOf(server)).toBe(0);
    },
    TIMEOUT_MS,
  );

  it('may be run by its path, as a link to it is by npm', () => {
    expect(statSync(join(ROOT, bin)).mode & 0o111).toBe(0o111);
  });

  it(
    'ends with 2 at a wrong usage',
    async () => {
      expect(await statusOf(start(createTempFolder(), ['nonsense']))).toBe(2);
    },
    TIMEOUT_MS,
  );
});
