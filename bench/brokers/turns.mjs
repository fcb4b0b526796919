// Subjects take turns in one process, so that each ratio is one of neighbours in time; the first of them is the library.
import { costOf, median, quantile } from '../support/measure.mjs';
import { ALWAYS } from './subject.mjs';

/** @typedef {import('./subject.mjs').Subject} Subject */
/** @typedef {Record<string, Subject>} Subjects - By name; the first is the library. */

const TURNS = 5;
const PARTS = /** @type {const} */ (['push', 'consume', 'both']);

/**
 * Nanoseconds per job of the library, and for each other subject how many times as fast as it the library is (`name.push`), and how many times
 * as much processor time the library takes (`name.pushCpu`): medians of the turns.
 *
 * `push`: every job confirmed while nothing is handled. `consume`: all of them handled and acknowledged. `both`: pushed while they are handled,
 * on one clock until the last is.
 *
 * @param {Subjects} subjects
 * @param {{ jobs: number, warmUp: number }} counts
 */
export async function measureInTurns(subjects, { jobs, warmUp }) {
  const all = Object.entries(subjects);
  for (const [, subject] of all) await measure(subject, warmUp);
  const turns = [];
  for (let turn = 0; turn < TURNS; turn++) {
    /** @type {Record<string, Record<string, import('../support/measure.mjs').Cost>>} */
    const costs = {};
    for (const [name, subject] of turn % 2 === 0 ? all : all.toReversed()) costs[name] = await measure(subject, jobs);
    turns.push(numbersOf(costs));
  }
  await Promise.all(all.map(([, subject]) => subject.close()));
  return mediansOf(turns);
}

/**
 * Per job.
 *
 * @param {Subject} subject
 * @param {number} allJobs
 */
async function measure({ arrivals, push, resume, pause, share = 1 }, allJobs) {
  const jobs = allJobs * share;
  /** @type {Record<string, import('../support/measure.mjs').Cost>} */
  const costs = {};
  if (pause !== ALWAYS.pause) {
    costs['push'] = await costOf(() => push(jobs));
    costs['consume'] = await costOf(async () => {
      arrivals.start(jobs);
      await resume();
      await arrivals.done;
    });
  }
  costs['both'] = await costOf(async () => {
    arrivals.start(jobs);
    await push(jobs);
    await arrivals.done;
  });
  await pause();
  return Object.fromEntries(Object.entries(costs).map(([part, { cpuNs, wallNs }]) => [part, { cpuNs: cpuNs / jobs, wallNs: wallNs / jobs }]));
}

/** @param {Record<string, Record<string, import('../support/measure.mjs').Cost>>} costs */
function numbersOf(costs) {
  const { library, ...peers } = costs;
  /** @type {Record<string, number>} */
  const numbers = {};
  for (const part of PARTS) {
    const ours = library?.[part];
    if (ours === undefined) continue;
    numbers[`${part}WallNs`] = ours.wallNs;
    numbers[`${part}CpuNs`] = ours.cpuNs;
    for (const [name, peer] of Object.entries(peers)) {
      const theirs = peer[part];
      if (theirs === undefined) continue;
      numbers[`${name}.${part}`] = theirs.wallNs / ours.wallNs;
      numbers[`${name}.${part}Cpu`] = ours.cpuNs / theirs.cpuNs;
    }
  }
  return numbers;
}

/** @param {readonly Record<string, number>[]} turns */
function mediansOf(turns) {
  return Object.fromEntries(Object.keys(turns[0] ?? {}).map((metric) => [metric, median(turns.map((turn) => turn[metric] ?? Number.NaN))]));
}

/**
 * From a push to the start of its handler while nothing else happens, and of a free trip through the event loop. Unit: microseconds. Jobs of the
 * subjects take turns.
 *
 * @param {Subjects} subjects
 * @param {{ samples: number, warmUp: number }} counts
 */
export async function measureIdle(subjects, { samples, warmUp }) {
  const all = Object.entries(subjects);
  for (const [, subject] of all) {
    subject.arrivals.start(warmUp);
    await subject.resume();
    await subject.push(warmUp);
    await subject.arrivals.done;
  }
  /** @type {Map<string, number[]>} */
  const latencies = new Map([...all.map(([name]) => name), 'loop'].map((name) => [name, []]));
  for (let sample = 0; sample < samples; sample++) {
    for (const [name, subject] of all) latencies.get(name)?.push(await latencyOf(subject, sample));
    await idleFor(sample);
    latencies.get('loop')?.push(await tripThroughLoop());
  }
  await Promise.all(all.map(([, subject]) => subject.close()));
  const numbers = [...latencies].flatMap(([name, values]) => {
    const prefix = name === 'library' ? '' : `${name}.`;
    return [0.5, 0.9, 0.99].map((share) => [`${prefix}p${share * 100}`, quantile(values, share)]);
  });
  return Object.fromEntries(numbers);
}

/** Some pauses are longer than the 40 ms for which TCP may hold back an acknowledgement. Unit: milliseconds. */
const PAUSES = [1, 5, 12, 50];

/**
 * @param {Subject} subject
 * @param {number} sample
 */
async function latencyOf({ arrivals, push }, sample) {
  await idleFor(sample);
  let startedAt = 0;
  arrivals.start(1);
  arrivals.onEach = () => (startedAt = performance.now());
  const pushedAt = performance.now();
  await Promise.all([push(1), arrivals.done]);
  arrivals.onEach = () => {};
  return (startedAt - pushedAt) * 1_000;
}

/** @param {number} sample */
function idleFor(sample) {
  return new Promise((resolve) => setTimeout(resolve, PAUSES[sample % PAUSES.length]));
}

/** @returns {Promise<number>} */
function tripThroughLoop() {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    setImmediate(() => resolve((performance.now() - startedAt) * 1_000));
  });
}
