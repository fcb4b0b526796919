// A worker without Nest, on the built library.
import { serveJobs } from '../../../dist/runtime/worker.js';

const end = await serveJobs(
  {
    'work.*': async (job) => {
      job.progress({ half: job.name });
      console.log('a line of its own');
      job.logger.log('a line of the job');
    },
    broken: () => {
      throw new RangeError('It is broken.');
    },
    loop: () => {
      for (;;);
    },
    '*': (job) => job.fail('nobody handles it'),
  },
  { logger: { debug() {}, info() {}, warn: (message) => console.error(`LOCAL ${message}`), error: (message) => console.error(`LOCAL ${message}`) } },
);
process.exitCode = end === 'stop' ? 0 : 1;
