// From a push to the start of its handler while nothing else happens, beside a free trip through the event loop.
import { Prototype } from '../limits/prototype.mjs';
import { PAYLOAD } from '../support/drain.mjs';
import { openKernel, QUEUE } from '../support/kernel.mjs';
import { quantile } from '../support/measure.mjs';

const SAMPLES = 1_000;
const WARM_UP = 20_000;
const PAUSE_MS = 1;

const nothing = () => {};

export const rows = {
  'idle push, library': async () => {
    const { kernel, queue, setHandler } = await openLatencyKernel();
    await kernel.resume(QUEUE);
    return measureLatency(() => void queue.push('echo', PAYLOAD), setHandler);
  },
  'idle push, prototype': () => {
    let handle = nothing;
    const kernel = new Prototype(async () => handle());
    kernel.resume();
    return measureLatency(
      () => kernel.push('echo', PAYLOAD),
      (next) => (handle = next),
    );
  },
};

async function openLatencyKernel() {
  let handle = nothing;
  const opened = await openKernel(() => async () => handle());
  return { ...opened, setHandler: (/** @type {() => void} */ next) => (handle = next) };
}

/**
 * @param {() => void} push
 * @param {(handle: () => void) => unknown} setHandler
 */
async function measureLatency(push, setHandler) {
  for (let index = 0; index < WARM_UP; index++) await startOf(push, setHandler);
  const starts = [];
  const trips = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    await pause();
    trips.push(await tripThroughLoop());
    await pause();
    starts.push(await startOf(push, setHandler));
  }
  return { p50: quantile(starts, 0.5), p99: quantile(starts, 0.99), loopP50: quantile(trips, 0.5), loopP99: quantile(trips, 0.99) };
}

/**
 * Unit: microseconds.
 *
 * @param {() => void} push
 * @param {(handle: () => void) => unknown} setHandler
 * @returns {Promise<number>}
 */
function startOf(push, setHandler) {
  return new Promise((resolve) => {
    setHandler(() => resolve((performance.now() - pushedAt) * 1_000));
    const pushedAt = performance.now();
    push();
  });
}

/** @returns {Promise<number>} */
function tripThroughLoop() {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    setImmediate(() => resolve((performance.now() - startedAt) * 1_000));
  });
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
