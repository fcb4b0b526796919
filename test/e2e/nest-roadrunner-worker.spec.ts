import { join } from 'node:path';
import { createTempFolder } from '../support/temp-folder.js';
import { textOf } from '../worker/support/fake-kernel.js';
import { RelayListener, SpawnedWorker } from '../worker/support/spawned-worker.js';

const APP = { program: join(process.cwd(), 'sample/04-polyglot/dist/main.js') };
const ACK = '{"type":2,"data":[]}';
const ORDER = '{"order":"rr-1","total":12.5}';
const TIMEOUT_MS = 60_000;

const folder = createTempFolder();
const workers: SpawnedWorker[] = [];
const listeners: RelayListener[] = [];

afterEach(async () => {
  for (const worker of workers) worker.kill();
  await Promise.all(workers.splice(0).map(({ exited }) => exited));
  for (const listener of listeners.splice(0)) listener.close();
});

async function spawned(stdio: 'pipes' | 'sockets', listener?: RelayListener): Promise<SpawnedWorker> {
  const worker = new SpawnedWorker({ kind: APP, stdio, env: { RR_RELAY: listener?.address ?? 'pipes', NO_COLOR: '1' } });
  workers.push(worker);
  await listener?.accept(worker);
  return worker;
}

async function overSocket(path?: string): Promise<SpawnedWorker> {
  const listener = await RelayListener.open(path);
  listeners.push(listener);
  return spawned('sockets', listener);
}

describe('A Nest application that RoadRunner starts by "node dist/main.js"', () => {
  it.each<[string, () => Promise<SpawnedWorker>]>([
    ['the pipes of a kernel in Go', () => spawned('pipes')],
    ['the pipes of a kernel in Node', () => spawned('sockets')],
    ['TCP', () => overSocket()],
    ['a unix socket', () => overSocket(join(folder, 'relay.sock'))],
  ])(
    'handles jobs over %s, whatever Nest prints, and ends at a stop request',
    async (_, start) => {
      const worker = await start();
      worker.control({ pid: 1 });
      worker.job('invoice.make', ORDER, undefined, 'invoices');
      const [pid, answer] = await worker.answers(2);
      expect(JSON.parse(textOf(pid!))).toEqual({ pid: expect.any(Number) });
      expect(textOf(answer!)).toBe(ACK);
      worker.control({ stop: true });
      worker.closeInput();
      expect(await worker.exited).toBe(0);
      expect(worker.stderr + worker.stdout).toMatch(/Starting Nest application[^]*Invoice for order rr-1/);
    },
    TIMEOUT_MS,
  );
});
