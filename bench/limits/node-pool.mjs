// The smallest pool: a list of jobs, worker processes over pipes, each with a number of jobs in flight. Nothing is retried, limited or observed.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cutter, frame } from './frames.mjs';

const WORKER = fileURLToPath(new URL('./pool-worker.mjs', import.meta.url));
const CONTROL_JSON = 0x09;
const RAW = 0x04;

const nothing = () => {};

/** @typedef {{ id: string, name: string, payload: Buffer }} Job */

/**
 * @param {number} count
 * @param {number} window - Jobs in flight to one worker.
 */
export async function openPool(count, window) {
  /** @type {Job[]} */
  let queue = [];
  let taken = 0;
  let left = 0;
  let finish = nothing;
  let isRunning = false;

  const workers = await Promise.all(Array.from({ length: count }, start));

  async function start() {
    const child = spawn(process.execPath, [WORKER, ...(window === 1 ? [] : ['window'])], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // As in the library. A session of its own is scheduled as a group of its own: beside other work that costs more than all the rest.
      detached: true,
      env: { ...process.env, NRR_WINDOW: String(window) },
    });
    const worker = { child, free: window, number: 0 };
    await new Promise((resolve) => {
      const cut = cutter((options) => {
        if (options.length === 0) return resolve(undefined);
        worker.free++;
        if (--left === 0) finish();
      });
      child.stdout.on('data', (chunk) => {
        cut(chunk);
        // Half of a window is refilled at once: one write for many jobs.
        if (isRunning && worker.free * 2 >= window) fill(worker);
      });
      child.stdin.write(frame(CONTROL_JSON, [], [`{"pid":${process.pid}}`]));
    });
    return worker;
  }

  /** @param {{ child: import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>, free: number, number: number }} worker */
  function fill(worker) {
    const frames = [];
    while (worker.free > 0 && taken < queue.length) {
      const job = queue[taken++];
      if (job === undefined) break;
      worker.free--;
      const context = `{"id":"${job.id}","job":"${job.name}","driver":"memory","headers":{},"pipeline":"bench"}`;
      const options = window === 1 ? [context.length] : [context.length, ++worker.number];
      frames.push(frame(RAW, options, [context, job.payload]));
    }
    const [only] = frames;
    if (only !== undefined) worker.child.stdin.write(frames.length === 1 ? only : Buffer.concat(frames));
  }

  return {
    /** @param {readonly Job[]} jobs */
    fill: (jobs) => {
      queue = [...jobs];
      taken = 0;
      left = jobs.length;
    },
    work: async () => {
      isRunning = true;
      const done = new Promise((resolve) => (finish = () => resolve(undefined)));
      for (const worker of workers) fill(worker);
      await done;
      isRunning = false;
    },
    close: () => {
      for (const { child } of workers) child.stdin.end();
    },
    pids: workers.map(({ child }) => child.pid ?? 0),
  };
}
