import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { ServiceHost } from '../../lib/host/service-host.js';
import { TickerService } from '../../lib/host/ticker.service.js';
import { PayloadPool } from '../../lib/pool/payload-pool.js';
import { WorkerHost } from '../../lib/pool/worker-host.js';
import { poolSettings } from '../pool/support.js';
import { createLog } from '../support/kernel.js';
import { createTempFolder } from '../support/temp-folder.js';
import { createBench } from './support/bench.js';

const DIST = pathToFileURL(join(process.cwd(), 'dist')).href;
const SCRIPT = join(process.cwd(), 'test/host/support/ticker-process.mjs');
const folder = createTempFolder();

describe('The ticker with a process of its own', () => {
  it('has each tick written there, and ends it at the stop', async () => {
    if (!existsSync('dist/runtime/worker.js')) throw new Error('The library is not built. Run "npm run build" first.');
    const path = join(folder, 'ticks.txt');
    const logger = createLog();
    const server = { command: [process.execPath, SCRIPT, DIST, path], relay: 'pipes', env: {} };
    const workers = new WorkerHost({ server, version: '0', clock: systemClock, logger });
    const bench = createBench({
      create: async ({ mode, environment }) => {
        const options = { name: mode, mode, environment: environment!, settings: poolSettings(), clock: systemClock, logger };
        const pool = new PayloadPool({ ...options, host: workers, random: () => 0 });
        await pool.start();
        return pool;
      },
    });
    const ticker = new TickerService();
    const config = { interval: 1, 'workers.command': 'node app.js' };
    const host = new ServiceHost({ services: [{ service: ticker, config }], context: bench.context });
    await host.start();
    expect(await host.ready()).toBe(true);
    // Real processes answer in real time; the clock of the ticker is virtual.
    for (let tick = 0; tick < 3; tick++) {
      await bench.clock.advance('1s');
      while (ticker.workers()[0].status !== 'ready') await new Promise((resolve) => setImmediate(resolve));
    }
    expect([ticker.ticks, ticker.skipped, ticker.failed]).toEqual([3, 0, 0]);
    await host.stop(deadlineAfter(bench.clock, 5_000));
    await workers.close();
    expect(readFileSync(path, 'utf8')).toBe('0\n1\n2\n');
    expect(ticker.ready()).toBe(false);
  });

  it('is told who was asked when the process serves something else', () => {
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, DIST, 'unused'], { encoding: 'utf8', env: { ...process.env, RR_MODE: 'jobs' } });
    expect(status).toBe(1);
    expect(stderr).toContain('No dispatcher can serve RR_MODE "jobs"; asked were TickerDispatcher.');
  });
});
