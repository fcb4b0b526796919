import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { broker } from './brokers.js';

const GONE_TIMEOUT_MS = 3_000;

const server = await broker('beanstalk', { own: true });
const shared = await broker('beanstalk');
const sharedAgain = await broker('beanstalk');

/** One line of the server to one command; undefined when there is no answer. */
function ask(port: number, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    const end = (line: string | undefined) => {
      socket.destroy();
      resolve(line);
    };
    socket.once('data', (chunk) => end(chunk.toString('latin1').split('\r\n', 1)[0]));
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
  });
}

/** Waits for what another process does. */
async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + GONE_TIMEOUT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`It is not so after ${GONE_TIMEOUT_MS} ms that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const untilGone = (port: number) => until(async () => (await ask(port, 'stats')) === undefined, `nobody listens on port ${port}`);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // An orphan that nobody waits for stays in the table.
  return !/^\d+ \(.*\) Z/u.test(existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'latin1') : '');
}

server.suite('a broker of a spec file', () => {
  it('is another one than that of the run', async () => {
    expect(server.port).not.toBe(shared.port);
    expect(await ask(server.port, 'stats')).toMatch(/^OK/u);
    expect(await ask(shared.port, 'stats')).toMatch(/^OK/u);
  });

  it('is gone after a kill and back with its data after a restart', async () => {
    expect(await ask(server.port, 'put 0 0 60 2\r\nhi')).toMatch(/^INSERTED/u);
    await server.kill();
    expect(await ask(server.port, 'stats')).toBeUndefined();
    await server.restart();
    expect(await ask(server.port, 'peek-ready')).toMatch(/^FOUND \d+ 2$/u);
  });

  it('comes back after a clean end', async () => {
    await server.stop();
    expect(await ask(server.port, 'stats')).toBeUndefined();
    await server.restart();
    expect(await ask(server.port, 'stats')).toMatch(/^OK/u);
  });

  it('is revived where it is dead, once for all who ask', async () => {
    await server.kill();
    await Promise.all([server.revive(), server.revive()]);
    expect(await ask(server.port, 'stats')).toMatch(/^OK/u);
  });

  it('is left alone by a revival where it runs', async () => {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    await server.revive();
    socket.write('stats\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer.toString()).toMatch(/^OK/u);
  });

  it('answers through a proxy', async () => {
    const { port, url, proxy } = await server.proxy();
    expect(url).toBe(`tcp://127.0.0.1:${port}`);
    expect(await ask(port, 'stats')).toMatch(/^OK/u);
    expect(proxy.accepted).toBe(1);
  });
});

shared.suite('the broker of the run', () => {
  it('cannot be killed', async () => {
    await expect(shared.kill()).rejects.toThrow('shared by the run');
  });

  it('is one for all who ask', () => {
    expect(sharedAgain.url).toBe(shared.url);
  });
});

server.suite('a run of specs that is killed by SIGKILL', () => {
  it('leaves neither its brokers nor its workers behind', async () => {
    const run = spawn(process.execPath, ['test/support/keeper-process.mjs'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: run.stdout }), 'line')) as [string];
    const [url = '', worker] = line.split(' ');
    run.kill('SIGKILL');
    await untilGone(Number(new URL(url).port));
    await until(() => !isAlive(Number(worker)), `process ${worker} is gone`);
    expect(isAlive(Number(worker))).toBe(false);
  });
});

server.suite('a command with brokers', () => {
  const SCRIPT = 'scripts/brokers/run.mjs';

  async function start(...command: string[]) {
    const child = spawn(process.execPath, [SCRIPT, 'beanstalk', ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line')) as [string];
    return { child, line, port: Number(/:(\d+)$/u.exec(line)?.[1]) };
  }

  it('has their addresses and leaves nothing behind', async () => {
    const { child, port } = await start('--', process.execPath, '-p', 'process.env.NRR_TEST_BEANSTALK_URL');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(await ask(port, 'stats')).toBeUndefined();
  });

  it('passes its exit code on', async () => {
    const { child } = await start('--', process.execPath, '-e', 'console.log(":1"); process.exitCode = 7');
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  it('leaves nothing behind when it is killed by SIGKILL', async () => {
    const { child, line, port } = await start();
    expect(line).toBe(`NRR_TEST_BEANSTALK_URL=tcp://127.0.0.1:${port}`);
    expect(await ask(port, 'stats')).toMatch(/^OK/u);
    child.kill('SIGKILL');
    await untilGone(port);
  });
});
