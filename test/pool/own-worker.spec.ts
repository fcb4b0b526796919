import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { JobTimeoutError } from '../../lib/contract/job-errors.js';
import { closePools, openPool, type OpenedPool, type PoolOptions } from './support.js';

afterEach(closePools);

const DIST = join(process.cwd(), 'dist');
const DONE = { kind: 'done' };

/** The worker loop of the built library, in processes of our pool. */
function open(options: PoolOptions = {}): Promise<OpenedPool> {
  if (!existsSync(join(DIST, 'worker/worker-loop.js'))) throw new Error('The library is not built. Run "npm run build" first.');
  const preload = pathToFileURL(join(DIST, 'worker/preload.js')).href;
  const script = join(process.cwd(), 'test/worker/support/worker-process.mjs');
  return openPool({ command: [process.execPath, '--import', preload, script, 'loop', DIST], ...options });
}

describe.each([
  ['standard pipes', {}],
  ['a pipe of their own', { host: { hasOwnPipe: true } }],
] as const)('The worker loop of this library over %s', (_relay, options) => {
  it('does many jobs at once', async () => {
    const opened = await open(options);
    // However slow the machine is, it opens the window in the end.
    let atOnce = 1;
    do {
      atOnce = Math.max(1, opened.pool.capacity());
      const runs = Array.from({ length: atOnce }, () => opened.run('work').outcome);
      expect(new Set((await Promise.all(runs)).map(({ kind }) => kind))).toEqual(new Set(['done']));
    } while (atOnce === 1);
  }, 60_000);

  it('tells what was thrown, with the policy of its handler', async () => {
    const opened = await open(options);
    const run = opened.run('throw');
    expect(await run.outcome).toMatchObject({ kind: 'failed', error: { type: 'RangeError', message: 'boom', stack: expect.any(String) } });
    expect(run.retries).toMatchObject([{ attempts: 2 }]);
  });

  it('puts a job back with other headers', async () => {
    const opened = await open(options);
    expect(await opened.run('put.back', '', { headers: { old: ['1'] } }).outcome).toMatchObject({
      kind: 'requeue',
      headers: { old: ['1'], seen: ['yes'] },
    });
  });

  it('aborts one job when it is told to, and lives on', async () => {
    const opened = await open(options);
    const before = await opened.pids();
    const run = opened.run('until.abort');
    await new Promise((resolve) => setTimeout(resolve, 50));
    run.abort(new JobTimeoutError('id', 'until.abort', 50));
    expect(await run.outcome).toMatchObject({ kind: 'failed', error: { code: 'JOB_TIMEOUT' } });
    expect(await opened.run('work').outcome).toEqual(DONE);
    expect(await opened.pids()).toEqual(before);
  });

  it('may print with console.log', async () => {
    const opened = await open(options);
    expect(await opened.run('print').outcome).toEqual(DONE);
    expect(await opened.run('work').outcome).toEqual(DONE);
    expect(opened.seen.size).toBe(1);
  });
});

describe('A worker of this library with a pipe of its own', () => {
  it.each(['print.descriptor', 'print.child'])('may even write to the descriptor of standard output: %s', async (job) => {
    const opened = await open({ host: { hasOwnPipe: true } });
    expect(await opened.run(job).outcome).toEqual(DONE);
    expect(await opened.run('work').outcome).toEqual(DONE);
    await opened.stop();
    expect(opened.log.lines.map(({ message }) => message)).toContainEqual(expect.stringMatching(/^Worker \d+: stray/));
  });
});
