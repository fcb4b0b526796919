import { connect } from 'node:net';
import { join } from 'node:path';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { DEFAULT_RPC_LIMITS } from '../../lib/contract/settings.js';
import { parseAddress } from '../../lib/relay/address.js';
import { kernelMethods } from '../../lib/relay/methods/kernel-methods.js';
import { RpcConnection } from '../../lib/relay/rpc-connection.js';
import { RpcServer } from '../../lib/relay/rpc-server.js';
import { FrameFlag } from '../../lib/wire/frame.js';
import { closeKernels, openKernel } from '../support/kernel.js';
import { heldBytes } from '../support/memory.js';
import { createTempFolder } from '../support/temp-folder.js';
import { recordedFrames } from '../wire/support/recordings.js';
import { below, mutate } from './support/frame-mutations.js';
import { chosenSeed, createRandom } from './support/random.js';

const MIB = 1024 * 1024;
/** `npm run fuzz` asks for 100,000. */
const CASES = Number(process.env['NRR_FUZZ'] ?? 2_000);
const AT_ONCE = 16;
/** The witness asks each time so many cases have ended. */
const BETWEEN_QUESTIONS = 50;
/** A case that does not end hangs the server or its connection. */
const CASE_TIMEOUT_MS = 20_000;
const MOST_GROWTH = 96 * MIB;

const seed = chosenSeed();

afterEach(closeKernels);

/** The kernel of the recordings: every method, and pipelines of their names whose jobs are handled at once. */
async function startServer(): Promise<{ server: RpcServer; address: string }> {
  const names = ['first', 'second', 'held', 'test'];
  const pipelines = Object.fromEntries(names.map((name) => [name, { driver: 'memory' }]));
  const folder = createTempFolder();
  const opened = await openKernel({ pipelines, consume: names, dataDir: folder, timeout: 1 }, { clock: systemClock });
  opened.on(undefined, () => undefined);
  const methods = kernelMethods({ jobs: opened.kernel, admin: opened.kernel.admin, version: '0.0.0', config: () => ({ rpc: { token: 'secret' } }) });
  // A unix socket has no ports that a hundred thousand connections could use up.
  const listen = process.platform === 'win32' ? 'tcp://127.0.0.1:0' : `unix://${join(folder, 'rpc.sock')}`;
  const server = new RpcServer({ settings: { listen, allowInsecure: false, limits: DEFAULT_RPC_LIMITS }, methods });
  return { server, address: (await server.listen()).address };
}

/** Sends the bytes, closes its side, and resolves when the server has closed the other. */
function attack(address: string, bytes: Uint8Array, title: string): Promise<void> {
  const at = parseAddress(address);
  return new Promise((resolve, reject) => {
    const socket = connect(at.kind === 'unix' ? { path: at.path } : { host: at.host, port: at.port });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`${title} does not end: ${Buffer.from(bytes.subarray(0, 200)).toString('hex')}`));
    }, CASE_TIMEOUT_MS);
    socket.on('error', () => {}); // a server may reset what it refuses
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    socket.end(bytes);
  });
}

describe('malformed frames', () => {
  it(
    `end at most their own connection: ${CASES} mutations of the recordings, NRR_SEED=${seed}`,
    async () => {
      const random = createRandom(seed);
      // Without the 1 MiB ones, which would be most of the time. Without BoltDB, which opens files: another spec breaks those.
      const all = recordedFrames().filter(({ bytes, title }) => bytes.length < 64 * 1024 && !title.includes('boltdb'));
      const calls = all.filter(({ from }) => from === 'client');
      const { server, address } = await startServer();
      const witness = new RpcConnection(address, { timeoutMs: CASE_TIMEOUT_MS });
      const ask = async (): Promise<void> => {
        const version = await witness.send('rpc.Version', Buffer.from('true'), FrameFlag.json);
        if (Buffer.from(version).toString() !== '"0.0.0"') throw new Error(`The witness was answered with ${Buffer.from(version).toString()}`);
      };
      await ask();
      let done = 0;
      let answers = 0;
      let before = heldBytes();
      let most = before;
      const attacker = async (): Promise<void> => {
        while (done < CASES) {
          const number = done++;
          const originals = random() < 0.8 ? calls : all;
          const { bytes, title } = originals[below(random, originals.length)];
          await attack(address, mutate(bytes, random), `Case ${number}, from ${title},`);
          if (number % BETWEEN_QUESTIONS !== 0) continue;
          await ask();
          answers++;
          if (number === Math.floor(CASES / 10 / BETWEEN_QUESTIONS) * BETWEEN_QUESTIONS) before = heldBytes(); // caches and pipelines are there
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, attacker));
      most = Math.max(most, heldBytes());
      expect(answers).toBe(Math.ceil(CASES / BETWEEN_QUESTIONS));
      expect(most - before).toBeLessThan(MOST_GROWTH);
      expect(server.counters).toMatchObject({ accepted: CASES + 1, refused: 0, late: 0 });
      expect(server.counters.malformed).toBeGreaterThan(CASES / 10);
      expect(server.counters.calls).toBeGreaterThan(CASES / 10);
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      await witness.close();
      await server.close(deadlineAfter(systemClock, 5_000));
      if (process.env['NRR_FUZZ'] !== undefined)
        process.stdout.write(`${JSON.stringify({ seed, ...server.counters, grownMiB: Math.round((most - before) / MIB) })}\n`);
    },
    60_000 + CASES * 20,
  );
});
