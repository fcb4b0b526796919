// The client process of the RPC rows: `node rpc-load.mjs <limit|library> <port> <push|batch> <jobs>`. Sends its time to the parent.
import { randomUUID } from 'node:crypto';
import { JobOptions, connectJobs } from 'nestjs-roadrunner/client';
import { PushBatchRequest, PushRequest } from '../limits/messages.mjs';
import { open } from '../limits/rpc.mjs';
import { PAYLOAD } from './drain.mjs';
import { costOf } from './measure.mjs';

const QUEUE = 'bench';
const IN_FLIGHT = 32;
const BATCH = 1_000;
/** Batches on their way at once: the next one is written while the one before is read. */
const BATCHES_IN_FLIGHT = 2;

const [kind = '', port = '', mode = '', count = ''] = process.argv.slice(2);
const jobs = Number(count);
const sender = kind === 'limit' ? await limit() : library();
const [size, inFlight] = mode === 'push' ? [1, IN_FLIGHT] : [BATCH, BATCHES_IN_FLIGHT];

await send(Math.min(jobs, 20_000));
const cost = await costOf(() => send(jobs));
process.send?.(cost, () => process.exit());

/** @param {number} total */
async function send(total) {
  let left = total / size;
  const one = async () => {
    while (left-- > 0) await (mode === 'push' ? sender.push() : sender.batch());
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}

/** @returns {Promise<{ push: () => Promise<unknown>, batch: () => Promise<unknown> }>} */
async function limit() {
  const { call } = await open(Number(port));
  const payload = Buffer.from(PAYLOAD);
  const job = () => ({ job: 'echo', id: randomUUID(), payload, options: { pipeline: QUEUE } });
  return {
    push: () => call('jobs.Push', PushRequest.encode({ job: job() }).finish()),
    batch: () => call('jobs.PushBatch', PushBatchRequest.encode({ jobs: Array.from({ length: BATCH }, job) }).finish()),
  };
}

/** @returns {{ push: () => Promise<unknown>, batch: () => Promise<unknown> }} */
function library() {
  const queue = connectJobs(`tcp://127.0.0.1:${port}`).jobs.queue(QUEUE);
  const options = new JobOptions();
  return {
    push: () => queue.push('echo', PAYLOAD),
    batch: () => queue.dispatchMany(Array.from({ length: BATCH }, () => queue.create('echo', PAYLOAD, options))),
  };
}
