import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { WorkerStatus } from '../../lib/contract/worker.js';
import { DynamicAllocator } from '../../lib/pool/dynamic-allocator.js';
import { StartBackoff } from '../../lib/pool/start-backoff.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { createTempFolder } from '../support/temp-folder.js';
import { closePools, createPool, hasGroup, isAlive, openPool, supervisor, workerCommand, type OpenedPool } from './support.js';

afterEach(closePools);

const DONE = { kind: 'done' };
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a state that is sure to come; the time limit of the test ends it otherwise. */
async function until(isThere: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isThere())) await wait(5);
}

/** The next `count` starts are not over before they are released. */
function holdStarts({ host }: OpenedPool, count: number): { release(): void } {
  const start = host.start.bind(host);
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let left = count;
  host.start = (spec) => {
    const starting = start(spec);
    if (left-- <= 0) return starting;
    return { ready: released.then(() => starting.ready), cancel: () => starting.cancel() };
  };
  return { release };
}

async function told({ run }: OpenedPool, job: string): Promise<unknown> {
  const outcome = await run(job).outcome;
  return JSON.parse((outcome as { reason: string }).reason);
}

async function statuses({ pool }: OpenedPool): Promise<string[]> {
  return (await pool.workers()).map(({ status }) => status).sort();
}

describe('A pool starts', () => {
  it('all of its workers, and takes nothing before', async () => {
    const opened = createPool({ settings: { numWorkers: 3 } });
    expect(opened.pool.capacity()).toBe(0);
    await opened.pool.start();
    expect(opened.pool.capacity()).toBe(3);
    expect(await statuses(opened)).toEqual(['ready', 'ready', 'ready']);
  });

  it.each([
    ['that ends at once', ['exit-at-start'], /exit code 9.*no configuration/s],
    ['that never tells its process id', ['silent'], /process id within 300 ms/],
    ['whose first frame is something else', ['no-control'], /CONTROL is missing/],
    ['whose process id is 0', ['pid-zero'], /no process id/],
    ['whose process id is no JSON', ['pid-nonsense'], /no JSON/],
    ['that prints text first', ['text-at-start'], /Text stands where a frame should begin: "Warning/],
    ['that prints text right behind its process id', ['text-with-pid'], /Text stands where a frame should begin: "Notice/],
    ['that answers before it was asked', ['answer-with-pid'], /frame behind its process id/],
  ])('not with a worker %s, and leaves none behind', async (_title, args, message) => {
    const opened = createPool({ args, settings: { numWorkers: 2, allocateTimeoutMs: args[0] === 'silent' ? 300 : 10_000 } });
    await expect(opened.pool.start()).rejects.toMatchObject({ code: 'WORKER_START', message: expect.stringMatching(message) });
    expect(await opened.pool.workers()).toEqual([]);
  });

  it('not when the program does not exist', async () => {
    const opened = createPool({ command: ['no-such-program-here', 'worker.mjs'] });
    await expect(opened.pool.start()).rejects.toMatchObject({
      code: 'WORKER_START',
      message: expect.stringMatching(/"no-such-program-here" was not found/),
    });
  });

  it('no shell: what a shell would run is an argument', async () => {
    const folder = createTempFolder();
    const args = ['; touch x', '$(touch y)', '', 'two words', '`touch z`'];
    const opened = await openPool({ args, host: { cwd: folder } });
    expect(await told(opened, 'arguments')).toEqual(args);
    expect(() => statSync(join(folder, 'x'))).toThrow('ENOENT');
  });

  it('with the command of the pool rather than that of the server', async () => {
    const opened = await openPool({ command: ['no-such-program-here'], settings: { command: workerCommand('hostile.mjs', ['of-the-pool']) } });
    expect(await told(opened, 'arguments')).toEqual(['of-the-pool']);
  });
});

describe('The environment of a worker', () => {
  it('is that of the kernel, then RR_RELAY and RR_RPC, server.env, RR_VERSION and RR_MODE; the later one wins', async () => {
    const environment = {
      PATH: process.env['PATH'],
      FX_SET: 'outside',
      FX_PASSED: 'yes',
      RR_MODE: 'http',
      JOBS_ROLE: 'kernel',
      NRR_WINDOW: '7',
      RR_RPC: 'old',
    };
    const env = { App_Name: 'shop', FX_SET: 'overridden', RR_MODE: 'http', RR_VERSION: '0' };
    const opened = await openPool({ server: { env }, host: { environment, rpc: 'tcp://127.0.0.1:6001' } });
    expect(await told(opened, 'environment')).toEqual({
      PATH: process.env['PATH'],
      FX_PASSED: 'yes',
      RR_RELAY: 'pipes',
      RR_RPC: 'tcp://127.0.0.1:6001',
      APP_NAME: 'shop',
      FX_SET: 'overridden',
      RR_VERSION: '2025.1.15',
      RR_MODE: 'jobs',
      NRR_WINDOW: '64',
    });
  });

  it('has no RR_RPC when the kernel has no address', async () => {
    const opened = await openPool({ host: { environment: { PATH: process.env['PATH'], RR_RPC: 'tcp://elsewhere:1' } } });
    expect(await told(opened, 'environment')).not.toHaveProperty('RR_RPC');
  });

  it('can be clean: only what a program needs, and what is configured', async () => {
    const environment = { PATH: process.env['PATH'], HOME: '/root', LC_ALL: 'C', AWS_SECRET_ACCESS_KEY: 's3cret', NODE_ENV: 'test' };
    const opened = await openPool({ server: { env: { APP: 'x' } }, host: { environment, envMode: 'clean' } });
    const seen = await told(opened, 'environment');
    expect(seen).toMatchObject({ HOME: '/root', LC_ALL: 'C', NODE_ENV: 'test', APP: 'x', RR_MODE: 'jobs' });
    expect(seen).not.toHaveProperty('AWS_SECRET_ACCESS_KEY');
  });
});

describe('The relay', () => {
  const socketPath = (): string => join(createTempFolder(), 'w.sock');

  it.each([
    ['tcp', () => 'tcp://127.0.0.1:0'],
    ['unix', () => `unix://${socketPath()}`],
  ])('may be %s: workers dial and are told apart by their process id', async (_kind, address) => {
    const opened = await openPool({ server: { relay: address() }, settings: { numWorkers: 3 } });
    const outcomes = await Promise.all([1, 2, 3].map(() => opened.run('pid').outcome));
    expect(new Set(outcomes.map((outcome) => Number((outcome as { reason: string }).reason)))).toEqual(new Set(await opened.pids()));
    expect(await opened.run('exit-3').outcome).toMatchObject({ kind: 'crashed', reason: 'exit' });
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('on a unix socket is open to this user alone', async () => {
    const path = socketPath();
    await openPool({ server: { relay: `unix://${path}` } });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is not held up by a peer that keeps silent, and refuses one that is no worker of ours', async () => {
    const path = socketPath();
    const opened = createPool({ server: { relay: `unix://${path}` }, args: [], settings: { numWorkers: 2 } });
    const starting = opened.pool.start();
    await until(() => {
      try {
        return statSync(path).isSocket();
      } catch {
        return false;
      }
    });
    const strangers = [connect(path), connect(path)];
    for (const stranger of strangers) stranger.on('error', () => {});
    await starting;
    expect(await opened.run('ack').outcome).toEqual(DONE);
    for (const stranger of strangers) stranger.destroy();
  });

  it('refuses a worker that says it is another process', async () => {
    const opened = createPool({ server: { relay: 'tcp://127.0.0.1:0' }, args: ['other-pid'], settings: { allocateTimeoutMs: 1_000 } });
    await expect(opened.pool.start()).rejects.toMatchObject({ code: 'WORKER_START' });
    expect(opened.log.lines.map(({ message }) => message)).toContainEqual(expect.stringMatching(/says that it is process/));
  });

  it('that nobody dials ends the start in time', async () => {
    const opened = createPool({ server: { relay: 'tcp://127.0.0.1:0' }, args: ['never-dials', 'ignore-eof'], settings: { allocateTimeoutMs: 300 } });
    await expect(opened.pool.start()).rejects.toMatchObject({ message: expect.stringMatching(/did not dial tcp:\/\/127.0.0.1:[1-9]/) });
  });

  it.each(['udp://127.0.0.1:1', '127.0.0.1:1'])('is refused at the start when it is "%s"', async (relay) => {
    const opened = createPool({ server: { relay } });
    await expect(opened.pool.start()).rejects.toMatchObject({ code: 'RELAY' });
  });
});

describe('The number of workers', () => {
  it('grows and shrinks by one; the last one stays', async () => {
    const opened = await openPool();
    await opened.pool.addWorker();
    expect(await opened.pids()).toHaveLength(2);
    await opened.pool.removeWorker();
    expect(await opened.pids()).toHaveLength(1);
    await opened.pool.removeWorker();
    expect(await opened.pids()).toHaveLength(1);
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('shrinks by an idle one first', async () => {
    const opened = await openPool({ settings: { numWorkers: 2 } });
    const busy = opened.run('ack-later', '150').outcome;
    await opened.pool.removeWorker();
    expect(await statuses(opened)).toEqual(['working']);
    expect(await busy).toEqual(DONE);
  });

  it('shrinks by a busy one after destroy_timeout, which gives its job back', async () => {
    const opened = await openPool({ settings: { numWorkers: 2, destroyTimeoutMs: 200 }, args: ['ignore-stop'] });
    const runs = ['silence', 'silence'].map((job) => opened.run(job).outcome);
    await opened.pool.removeWorker();
    expect(await Promise.race(runs)).toEqual({ kind: 'unstarted' });
    expect(await opened.pids()).toHaveLength(1);
  });

  it('counts those that are starting: a removal meanwhile leaves as many as it says', async () => {
    const opened = await openPool({ settings: { numWorkers: 2 } });
    const [first] = await opened.pids();
    process.kill(first, 'SIGKILL');
    await until(async () => !(await opened.pids()).includes(first));
    await opened.pool.removeWorker();
    await wait(300);
    expect(await statuses(opened)).toEqual(['ready']);
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('is kept: a worker that dies while it is idle is replaced', async () => {
    const opened = await openPool();
    const [before] = await opened.pids();
    await opened.run('ack').outcome;
    process.kill(before, 'SIGKILL');
    await until(async () => !(await opened.pids()).includes(before));
    await opened.ready();
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('is one per processor unless it is given', async () => {
    const opened = createPool({ settings: { numWorkers: 0 } });
    await opened.pool.start();
    expect((await opened.pids()).length).toBeGreaterThanOrEqual(1);
  });

  it('grows while nothing is free and jobs wait, and shrinks when that is over', async () => {
    const clock = new VirtualClock();
    const opened = await openPool({ clock, settings: { dynamicAllocator: { maxWorkers: 3, spawnRate: 2, idleTimeoutMs: 10_000 } } });
    let waiting = 1;
    opened.pool.onCapacity(() => waiting > 0 && opened.pool.capacity());
    void opened.run('silence');
    expect(opened.pool.capacity()).toBe(0);
    await clock.advance(1_000);
    await until(async () => (await opened.pids()).length === 3);
    void opened.run('silence');
    void opened.run('silence');
    expect(opened.pool.capacity()).toBe(0);
    await clock.advance(1_000);
    await until(async () => (await opened.pids()).length === 4);
    waiting = 0;
    await clock.advance(11_000);
    await until(async () => (await statuses(opened)).includes('destroyed') || (await opened.pids()).length < 4);
    await opened.pool.stop(deadlineAfter(systemClock, 0));
  }, 20_000);

  it('shrinks by no more than it has grown: a pool has at most 500', async () => {
    const clock = new VirtualClock();
    const calls: string[] = [];
    let room = 2;
    const allocator = new DynamicAllocator({ maxWorkers: 10, spawnRate: 5, idleTimeoutMs: 10_000 }, clock, {
      isShort: () => room > 0,
      grow: (count) => {
        const more = Math.min(count, room);
        calls.push(`+${more}`);
        room -= more;
        return more;
      },
      shrink: (count) => void calls.push(`-${count}`),
    });
    allocator.refused();
    await clock.advance(20_000);
    expect(calls).toEqual(['+2', '-2']);
    allocator.stop();
  });

  it('does not grow when nothing waits', async () => {
    const clock = new VirtualClock();
    const opened = await openPool({ clock, settings: { dynamicAllocator: { maxWorkers: 3, spawnRate: 2, idleTimeoutMs: 10_000 } } });
    void opened.run('ack-later', '1');
    opened.pool.capacity();
    opened.pool.onCapacity(() => {});
    await clock.advance(60_000);
    expect(await opened.pids()).toHaveLength(1);
  });
});

describe('A worker is replaced', () => {
  it('after max_jobs and up to 14 % more', async () => {
    const opened = await openPool({ settings: { maxJobs: 10 }, random: () => 0.999 });
    const pids = new Set<unknown>();
    for (let job = 0; job < 22; job++) pids.add(await opened.run('pid').outcome.then((outcome) => (outcome as { reason: string }).reason));
    expect(pids.size).toBe(2);
  });

  it('when it is older than ttl', async () => {
    const opened = await openPool({ settings: { supervisor: supervisor({ ttlMs: 100 }) } });
    const [before] = await opened.pids();
    await until(() => !hasGroup(before));
    await opened.ready();
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('when it is older than ttl and has a job, after the job', async () => {
    const opened = await openPool({ settings: { supervisor: supervisor({ ttlMs: 50 }) } });
    const [before] = await opened.pids();
    const run = opened.run('ack-later', '250');
    await until(async () => (await statuses(opened)).includes('ttlReached'));
    expect(await run.outcome).toEqual(DONE);
    await until(() => !hasGroup(before));
  });

  it('when it is idle for longer than idle_ttl, once it has worked', async () => {
    const opened = await openPool({ settings: { supervisor: supervisor({ idleTtlMs: 100 }) } });
    const [before] = await opened.pids();
    await wait(200);
    expect(await opened.pids()).toEqual([before]);
    await opened.run('ack').outcome;
    await until(() => !hasGroup(before));
  });

  it('when it is larger than max_worker_memory, while it is idle', async () => {
    const opened = await openPool({ settings: { supervisor: supervisor({ maxWorkerMemoryMb: 10 }) } });
    const [before] = await opened.pids();
    await until(() => !hasGroup(before));
    await opened.stop();
    expect(opened.log.lines.map(({ message }) => message)).toContainEqual(expect.stringMatching(/maxMemoryReached/));
  });

  it('by a new process for every job in debug mode', async () => {
    const opened = await openPool({ settings: { debug: true, numWorkers: 2 } });
    expect(await opened.pids()).toEqual([]);
    expect(opened.pool.capacity()).toBe(2);
    const pids = new Set<string>();
    for (let job = 0; job < 3; job++) pids.add(((await opened.run('pid').outcome) as { reason: string }).reason);
    expect(pids.size).toBe(3);
    await opened.pool.addWorker();
    await opened.pool.reset();
    expect(opened.log.lines.map(({ message }) => message)).toContainEqual(expect.stringMatching(/debug mode/));
  });

  it('in debug mode also when the job that a process was started for was taken back', async () => {
    const opened = await openPool({ settings: { debug: true } });
    const withdrawn = opened.run('ack');
    withdrawn.abort(new Error('not wanted any more'));
    expect(await withdrawn.outcome).toEqual({ kind: 'unstarted' });
    await until(async () => (await opened.pids()).length === 1);
    expect(opened.pool.capacity()).toBe(1);
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });
});

describe('A reset', () => {
  it('replaces every worker and takes jobs all the time', async () => {
    const opened = await openPool({ settings: { numWorkers: 2 } });
    const before = await opened.pids();
    const resetting = opened.pool.reset();
    const state = { isOver: false };
    void resetting.then(() => (state.isOver = true));
    let jobs = 0;
    while (!state.isOver) {
      expect(await opened.run('ack').outcome).toEqual(DONE);
      jobs++;
    }
    await resetting;
    expect(jobs).toBeGreaterThan(1);
    const after = await opened.pids();
    expect(after).toHaveLength(2);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
  });

  it('lets a busy worker finish', async () => {
    const opened = await openPool();
    const run = opened.run('ack-later', '250').outcome;
    await opened.pool.reset();
    expect(await run).toEqual(DONE);
  });

  it('gives the job of a worker back that is busy for longer than reset_timeout', async () => {
    const opened = await openPool({ settings: { resetTimeoutMs: 200 }, args: ['ignore-stop'] });
    const run = opened.run('silence').outcome;
    await opened.pool.reset();
    expect(await run).toEqual({ kind: 'unstarted' });
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });
});

describe('After a reset there are as many workers as before', () => {
  it('when one of the old ones has ended meanwhile and was replaced on its own', async () => {
    const opened = await openPool({ settings: { numWorkers: 2 } });
    await Promise.all(['ack', 'ack'].map((job) => opened.run(job).outcome)); // one that never worked would be waited for
    const [first, second] = await opened.pids();
    const held = holdStarts(opened, 2);
    const resetting = opened.pool.reset();
    process.kill(first, 'SIGKILL');
    // The one in its place is there before those of the reset.
    await until(async () => (await opened.pids()).filter((pid) => pid !== first && pid !== second).length === 1);
    held.release();
    await resetting;
    await until(async () => (await opened.pids()).length === 2);
    expect(await opened.pids()).not.toContain(second);
  });

  it('when one of the new ones does not start', async () => {
    const opened = await openPool({ settings: { numWorkers: 2 } });
    const { host } = opened;
    const start = host.start.bind(host);
    let first: Promise<unknown> | undefined;
    host.start = (spec) => {
      if (first !== undefined) return { ready: first.then(() => Promise.reject(new Error('no more processes'))), cancel: () => Promise.resolve() };
      const starting = start(spec);
      first = starting.ready;
      return starting;
    };
    await expect(opened.pool.reset()).rejects.toThrow('no more processes');
    await until(async () => (await opened.pids()).length === 2);
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });
});

describe('Workers that cannot be started again', () => {
  it('are tried after 1, 2, 4 … 30 seconds, and a success ends it', async () => {
    const clock = new VirtualClock();
    const waits: number[] = [];
    const backoff = new StartBackoff(clock, () => {
      if (waits.length < 8) waits.push(backoff.failed() / 1_000);
    });
    waits.push(backoff.failed() / 1_000);
    await clock.advance('10m');
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
    backoff.succeeded();
    expect(backoff.isCareful).toBe(false);
  });

  it('leave the pool alive: it goes on when they can', async () => {
    const folder = createTempFolder();
    const clock = new VirtualClock();
    // The program is a link that can be taken away.
    const { symlinkSync, unlinkSync } = await import('node:fs');
    const program = join(folder, 'node');
    symlinkSync(process.execPath, program);
    const opened = await openPool({ clock, command: [program, ...workerCommand('hostile.mjs').slice(1)] });
    unlinkSync(program);
    expect(await opened.run('exit-3').outcome).toMatchObject({ kind: 'crashed' });
    await until(() => opened.log.lines.some(({ message }) => /started in 1 s/.test(message)));
    await clock.advance(1_000);
    await until(() => opened.log.lines.some(({ message }) => /started in 2 s/.test(message)));
    expect(opened.pool.capacity()).toBe(0);
    symlinkSync(process.execPath, program);
    await clock.advance(2_000);
    await opened.ready();
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('because they end as soon as they are ready are not started in a loop', async () => {
    const clock = new VirtualClock();
    const opened = createPool({ clock, args: ['exit-when-ready'] });
    await opened.pool.start();
    await until(() => opened.log.lines.some(({ message }) => /started in 1 s/.test(message)));
    await wait(50);
    expect(await opened.pool.workers()).toEqual([]);
  });

  it.each(['exit-when-ready', 'unsolicited'])('wait from the first of them on, when they are ready and end: %s', async (habit) => {
    const clock = new VirtualClock();
    const opened = createPool({ clock, args: [habit] });
    const { host } = opened;
    const start = host.start.bind(host);
    let starts = 0;
    host.start = (spec) => {
      starts++;
      return start(spec);
    };
    await opened.pool.start();
    for (const [seconds, tries] of [
      [1, 1],
      [2, 2],
    ] as const) {
      await until(() => opened.log.lines.some(({ message }) => message.includes(`started in ${seconds} s`)));
      expect(starts).toBe(tries);
      await clock.advance(`${seconds}s`);
    }
  });
});

describe('The capacity', () => {
  it('is one for each idle worker of another library', async () => {
    const opened = await openPool({ settings: { numWorkers: 2 } });
    const run = opened.run('ack-later', '30').outcome;
    expect(opened.pool.capacity()).toBe(1);
    expect(await statuses(opened)).toEqual(['ready', 'working']);
    await run;
    expect(opened.pool.capacity()).toBe(2);
  });

  it('is at most max_queue_size', async () => {
    const opened = await openPool({ settings: { numWorkers: 2, maxQueueSize: 1 } });
    expect(opened.pool.capacity()).toBe(1);
    void opened.run('ack-later', '10');
    expect(opened.pool.capacity()).toBe(0);
  });

  it('tells when a worker came', async () => {
    const opened = await openPool();
    let calls = 0;
    opened.pool.onCapacity(() => calls++);
    await opened.pool.addWorker();
    expect(calls).toBe(1);
  });
});

describe('server.on_init', () => {
  const onInit = (code: string, exitOnError: boolean, execTimeoutMs = 5_000) => ({
    server: { onInit: { command: [process.execPath, '-e', code], execTimeoutMs, exitOnError, env: { NRR_TEST: '1', ON_INIT: 'yes' } } },
  });

  it('runs once before the workers', async () => {
    const file = join(createTempFolder(), 'out');
    await openPool(onInit(`require('fs').appendFileSync(${JSON.stringify(file)}, process.env.ON_INIT)`, true));
    expect(readFileSync(file, 'utf8')).toBe('yes');
  });

  it('ends the start when it fails and is to', async () => {
    await expect(openPool(onInit('process.exit(4)', true))).rejects.toMatchObject({
      code: 'WORKER_START',
      message: expect.stringMatching(/exit code 4/),
    });
  });

  it('is killed after its time', async () => {
    await expect(openPool(onInit('setInterval(() => {}, 1000)', true, 200))).rejects.toMatchObject({ message: expect.stringMatching(/200 ms/) });
  });

  it('only leaves a line when it fails and is not to end the start', async () => {
    const opened = await openPool(onInit('process.exit(4)', false));
    expect(opened.log.lines).toContainEqual(expect.objectContaining({ level: 'error', message: expect.stringMatching(/on_init.*exit code 4/) }));
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });
});

describe('A stop', () => {
  it('of idle workers is over at once', async () => {
    const opened = await openPool({ settings: { numWorkers: 2 } });
    const at = performance.now();
    await opened.pool.stop(deadlineAfter(systemClock, 5_000));
    expect(performance.now() - at).toBeLessThan(4_000);
  });

  it('gives back what waits, and what is submitted later', async () => {
    const opened = await openPool();
    const running = opened.run('silence').outcome;
    const waiting = opened.run('ack').outcome;
    const stopping = opened.stop(300);
    expect(await waiting).toEqual({ kind: 'unstarted' });
    expect(await opened.run('ack').outcome).toEqual({ kind: 'unstarted' });
    await stopping;
    expect(await running).toEqual({ kind: 'unstarted' });
  });

  it('while its relay is being opened starts no process', async () => {
    const { pool, host } = createPool({ server: { relay: `unix://${join(createTempFolder(), 'relay.sock')}` } });
    const starting = pool.start();
    await pool.stop(deadlineAfter(systemClock, 1_000));
    await expect(starting).rejects.toMatchObject({ code: 'WORKER_START' });
    expect(host.guardPid).toBeUndefined();
  });

  it('leaves no timer of the allocator behind, whatever is asked for later', async () => {
    const clock = new VirtualClock();
    const { pool } = await openPool({ clock, settings: { dynamicAllocator: { maxWorkers: 1, spawnRate: 1, idleTimeoutMs: 1_000 } } });
    await pool.stop(deadlineAfter(systemClock, 1_000));
    expect(pool.capacity()).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('may come twice, and refuses what changes the pool', async () => {
    const opened = await openPool();
    await Promise.all([opened.stop(), opened.stop()]);
    await expect(opened.pool.addWorker()).rejects.toMatchObject({ code: 'WORKER_POOL', reason: 'stopped' });
    await expect(opened.pool.removeWorker()).rejects.toMatchObject({ reason: 'stopped' });
    await expect(opened.pool.reset()).rejects.toMatchObject({ reason: 'stopped' });
  });

  it('ends the guard against orphans too', async () => {
    const opened = await openPool();
    const guard = opened.host.guardPid!;
    expect(isAlive(guard)).toBe(true);
    await opened.stop();
    await until(() => !isAlive(guard));
  });
});

describe('The states of workers', () => {
  it('have the numbers of RoadRunner', () => {
    expect(Object.entries(WorkerStatus)).toEqual(
      [
        'inactive',
        'ready',
        'working',
        'invalid',
        'stopping',
        'stopped',
        'destroyed',
        'maxJobsReached',
        'errored',
        'idleTTLReached',
        'ttlReached',
        'maxMemoryReached',
        'execTTLReached',
      ].map((name, value) => [name, value]),
    );
  });

  it('show what a worker did and how large it is', async () => {
    const before = Date.now();
    const opened = await openPool();
    await opened.run('ack').outcome;
    const [state] = await opened.pool.workers();
    expect(state).toMatchObject({ status: 'ready', executions: 1, inFlight: 0, window: 1 });
    expect(state.createdAt).toBeGreaterThanOrEqual(before);
    expect(state.memoryBytes).toBeGreaterThan(10_000_000);
  });
});

describe('The guard against orphans', () => {
  it('is started again when somebody kills it', async () => {
    const opened = await openPool();
    const guard = opened.host.guardPid!;
    process.kill(guard, 'SIGKILL');
    await until(() => opened.host.guardPid !== guard && opened.host.guardPid !== undefined);
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('is missed with a warning while no more files can be opened, and started later', () => {
    const script = join(process.cwd(), 'test/pool/workers/no-descriptors-process.mjs');
    const { stdout, stderr } = spawnSync('/bin/sh', ['-c', 'ulimit -n 64 && exec "$0" "$1"', process.execPath, script], { encoding: 'utf8' });
    expect({ ...(JSON.parse(stdout || '{}') as object), stderr }).toEqual({
      warnings: [expect.stringMatching(/^Workers that do not end with their input may outlive a kill of this process: .*EMFILE/)],
      isThereWithout: false,
      isThereLater: true,
      stderr: '',
    });
  });
});
