// Pushes one job to a new queue of a server that speaks like SQS, in a process with an environment of its own, and prints what came of it.
import { createKernel } from '../../dist/runtime/index.js';

const [endpoint, timeout] = process.argv.slice(2);
const options = {
  timeout,
  sqs: { endpoint },
  pipelines: { q: { driver: 'sqs', queue: `push-${crypto.randomUUID()}` } },
  consume: [],
  failed: { store: 'memory' },
};
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const kernel = await createKernel(options, { logger });
await kernel.start();
try {
  await kernel.push({ id: crypto.randomUUID(), name: 'job', pipeline: 'q', payload: 'x', headers: {}, priority: 0, delayMs: 0, autoAck: false });
  console.log('pushed');
} catch (error) {
  console.log(`${error.code}: ${error.message}`);
}
await kernel.close();
