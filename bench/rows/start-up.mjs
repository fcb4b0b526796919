// Milliseconds from the start of a process to a Nest context that is ready: empty, with @nestjs/microservices imported, with that and
// JobsModule with a memory pipeline.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from '../support/measure.mjs';

const TURNS = 7;
const START_PROCESS = fileURLToPath(new URL('../start-up.mjs', import.meta.url));

export const rows = { 'a Nest context': measureStarts };

// By turns, as starts differ by more than what is asked for.
async function measureStarts() {
  const starts = [];
  for (let turn = 0; turn < TURNS; turn++) {
    starts.push({ empty: await measureStart('empty'), microservices: await measureStart('microservices'), jobs: await measureStart('jobs') });
  }
  return {
    emptyMs: median(starts.map(({ empty }) => empty.wallMs)),
    microservicesMs: median(starts.map(({ microservices }) => microservices.wallMs)),
    jobsMs: median(starts.map(({ jobs }) => jobs.wallMs)),
    addedMs: median(starts.map(({ microservices, jobs }) => jobs.wallMs - microservices.wallMs)),
    addedCpuMs: median(starts.map(({ microservices, jobs }) => jobs.cpuMs - microservices.cpuMs)),
  };
}

/**
 * @param {string} what
 * @returns {Promise<{ wallMs: number, cpuMs: number }>}
 */
function measureStart(what) {
  return new Promise((resolve, reject) => {
    const child = fork(START_PROCESS, [what], { execArgv: [] });
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`A start with "${what}" ended with ${code} and without numbers.`)));
  });
}
