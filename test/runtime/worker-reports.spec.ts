import type { RpcSender } from '../../lib/relay/rpc-sender.js';
import { ServiceError } from '../../lib/contract/rpc-errors.js';
import { WorkerReports } from '../../lib/runtime/worker-reports.js';
import { createLog } from '../support/kernel.js';

/** A kernel that remembers what it is told, or refuses it. */
function aKernel(refusal?: Error) {
  const calls: unknown[] = [];
  const rpc: RpcSender = {
    address: 'unix:///kernel.sock',
    send: async (method, body) => {
      calls.push([method, ...(JSON.parse(Buffer.from(body).toString()) as unknown[])]);
      if (refusal !== undefined) throw refusal;
      return new Uint8Array(0);
    },
  };
  return { rpc, calls };
}

describe('the reports of a worker', () => {
  it('of one turn go in one call, in their order', async () => {
    const { rpc, calls } = aKernel();
    const reports = new WorkerReports(rpc, createLog());
    reports.logger.info('begun', { id: '1', error: new Error('x') });
    await reports.progress('1', { half: true });
    expect(calls).toEqual([
      [
        'nrr.Report',
        [
          { log: 'info', message: 'begun', facts: { worker: process.pid, id: '1', error: 'x' } },
          { progress: '1', value: { half: true } },
        ],
      ],
    ]);
  });

  it('that come while a call is under way go with the next one', async () => {
    const { rpc, calls } = aKernel();
    const reports = new WorkerReports(rpc, createLog());
    const first = reports.progress('1', 1);
    await Promise.resolve();
    void reports.progress('1', 2);
    void reports.progress('1', 3);
    await first;
    await reports.flush();
    expect(calls).toEqual([
      ['nrr.Report', [{ progress: '1', value: 1 }]],
      [
        'nrr.Report',
        [
          { progress: '1', value: 2 },
          { progress: '1', value: 3 },
        ],
      ],
    ]);
  });

  it('say what JSON cannot as text', async () => {
    const { rpc, calls } = aKernel();
    const endless: Record<string, unknown> = {};
    endless['self'] = endless;
    await new WorkerReports(rpc, createLog()).progress('1', endless);
    expect(calls).toEqual([['nrr.Report', [{ progress: '1', value: '[object Object]' }]]]);
  });

  it('under a RoadRunner are one warning; lines go to the log of the process', async () => {
    const log = createLog();
    const reports = new WorkerReports(undefined, log);
    expect([reports.progress('1', 1), reports.progress('1', 2)]).toEqual([undefined, undefined]);
    reports.logger.error('broken');
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'error']);
  });

  it('that the kernel refuses are one warning, and their lines are kept here', async () => {
    const log = createLog();
    const { rpc } = aKernel(new ServiceError('nrr.Report', 'unix:///kernel.sock', "rpc: can't find service nrr.Report"));
    const reports = new WorkerReports(rpc, log);
    await reports.progress('1', 1);
    await reports.progress('1', 2);
    reports.logger.warn('a line', { id: '1' });
    await reports.flush();
    expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', expect.stringContaining('it is not told how far jobs are')],
      ['warn', 'a line'],
    ]);
  });
});
