// What the rows are to show: ratios, each with its target.

/** @typedef {(row: string, name: string) => number | undefined} NumberOf */
/**
 * @typedef {object} Goal
 * @property {string} goal
 * @property {string} what
 * @property {{ text: string, test: (value: number) => boolean }} target
 * @property {(numberOf: NumberOf) => number | undefined} [value] - Absent when its peer is.
 * @property {string} [unit]
 * @property {string} [remark]
 */

/** @param {number} least */
const atLeast = (least) => ({ text: `≥ ${least}`, test: (/** @type {number} */ value) => value >= least });
/** @param {number} most */
const atMost = (most) => ({ text: `≤ ${most}`, test: (/** @type {number} */ value) => value <= most });

/**
 * How many times the first number is in the second: of costs, how many times faster the first row is.
 *
 * @param {[row: string, name: string]} ours
 * @param {[row: string, name: string]} theirs
 * @returns {(numberOf: NumberOf) => number | undefined}
 */
const faster = (ours, theirs) => (numberOf) => {
  const own = numberOf(...ours);
  const other = numberOf(...theirs);
  return own === undefined || other === undefined ? undefined : other / own;
};

/** @param {string} row */
const cpu = (row) => /** @type {[string, string]} */ ([row, 'cpuNs']);
/** @param {string} row */
const wall = (row) => /** @type {[string, string]} */ ([row, 'wallNs']);
const PLAIN = 'kernel: plain handler';
const absent = 'peer absent: no Redis is reachable';

/** @type {readonly Goal[]} */
export const goals = [
  {
    goal: '1',
    what: 'plain handler, drain, to the prototype',
    target: atLeast(0.6),
    value: faster(wall(PLAIN), wall('limits: prototype, async handler')),
  },
  { goal: '1', what: 'the same in CPU', target: atLeast(0.6), value: faster(cpu(PLAIN), cpu('limits: prototype, async handler')) },
  { goal: '1', what: 'to fastq, promise API', target: atLeast(4), value: faster(wall(PLAIN), wall('peers: fastq, promise API')) },
  { goal: '1', what: 'to fastq, callback API', target: atLeast(1.4), value: faster(wall(PLAIN), wall('peers: fastq, callback API')) },
  { goal: '1', what: 'to p-queue 9 (no target)', target: atLeast(1), value: faster(wall(PLAIN), wall('peers: p-queue 9')) },
  { goal: '1', what: 'to BullMQ addBulk 100', target: atLeast(300), remark: absent },
  {
    goal: '1',
    what: 'JSON-decoding handler to the plain one',
    target: atLeast(0.35),
    value: faster(wall('kernel: JSON-decoding handler'), wall(PLAIN)),
  },
  { goal: '2', what: 'sync handler to the plain one', target: atLeast(1.4), value: faster(wall('kernel: sync handler'), wall(PLAIN)) },
  {
    goal: '3',
    what: 'handler without enhancers to pipeline + Nest caller, CPU',
    target: atLeast(2),
    value: faster(cpu('nest: library, plain'), cpu('nest: Nest caller, plain')),
  },
  {
    goal: '3',
    what: 'one guard, one pipe, CPU',
    target: atLeast(1.5),
    value: faster(cpu('nest: library, one guard, one pipe'), cpu('nest: Nest caller, one guard, one pipe')),
  },
  {
    goal: '3',
    what: 'one interceptor, whole pipeline, CPU (the chain alone: bench/nest-chain.mjs)',
    target: atLeast(3),
    value: faster(cpu('nest: library, one interceptor'), cpu('nest: Nest caller, one interceptor')),
  },
  {
    goal: '4',
    what: 'plain jobs after jobs of all features, cost to plain jobs before',
    target: atMost(1.05),
    value: faster(cpu('kernel: plain jobs before'), cpu('kernel: jobs of all features before')),
  },
  {
    goal: '4',
    what: 'a listener of "completed", cost to none',
    target: atMost(1.15),
    value: faster(cpu(PLAIN), cpu('kernel: a listener of "completed"')),
  },
  {
    goal: '15',
    what: 'idle push to handler start, p50',
    unit: ' µs',
    target: atMost(25),
    value: (numberOf) => numberOf('latency: idle push, library', 'p50'),
  },
  {
    goal: '15',
    what: "its p99 to the loop's p99",
    target: atMost(2),
    value: faster(['latency: idle push, library', 'loopP99'], ['latency: idle push, library', 'p99']),
  },
  { goal: '15', what: "to BullMQ's p50", target: atMost(0.02), remark: absent },
  {
    goal: '17',
    what: 'bytes per queued job, 100 k',
    unit: ' B',
    target: atMost(130),
    value: (numberOf) => numberOf('memory: queued behind busy handlers, 100 k', 'bytes'),
  },
  {
    goal: '17',
    what: 'the same at 1 M, to 100 k',
    target: { text: '0.85–1.15', test: (value) => value >= 0.85 && value <= 1.15 },
    value: faster(['memory: queued behind busy handlers, 100 k', 'bytes'], ['memory: queued behind busy handlers, 1 M', 'bytes']),
  },
  {
    goal: '17',
    what: "fastq's bytes to ours",
    target: atLeast(5),
    value: faster(['memory: queued behind busy handlers, 100 k', 'bytes'], ['memory: queued in fastq, promise API, 100 k', 'bytes']),
  },
  { goal: '17', what: "BullMQ's bytes in Redis to ours", target: atLeast(5), remark: absent },
  {
    goal: '18',
    what: 'pop at 1 M to pop at 1 k',
    target: atMost(1.5),
    value: faster(['depth: priority queue, 1 k deep', 'popNs'], ['depth: priority queue, 1 M deep', 'popNs']),
  },
  {
    goal: '18',
    what: '1000 pipelines to one',
    target: atLeast(0.7),
    value: faster(cpu('kernel: burst, 1000 pipelines'), cpu('kernel: burst, plain handler')),
  },
  {
    goal: '18',
    what: '64 pollers to the best of 1, 8, 64, 256',
    target: atLeast(0.9),
    value: (numberOf) => {
      const costs = [PLAIN, 'kernel: 1 poller', 'kernel: 8 pollers', 'kernel: 256 pollers'].map((row) => numberOf(row, 'cpuNs'));
      const known = costs.filter((cost) => cost !== undefined);
      return costs[0] === undefined ? undefined : Math.min(...known) / costs[0];
    },
  },
  {
    goal: '20',
    what: 'start-up: what the module adds to a context with @nestjs/microservices',
    unit: ' ms',
    target: atMost(60),
    value: (numberOf) => {
      const whole = numberOf('start-up: a Nest context, JobsModule with a memory pipeline', 'wallMs');
      const base = numberOf('start-up: a Nest context, @nestjs/microservices imported', 'wallMs');
      return whole === undefined || base === undefined ? undefined : whole - base;
    },
  },
  { goal: '20', what: 'to what @nestjs/bullmq adds', target: atMost(0.3), remark: absent },
  {
    goal: '21',
    what: 'idle close of a kernel',
    unit: ' ms',
    target: atMost(50),
    value: (numberOf) => numberOf('stop: idle close, kernel', 'wallMs'),
  },
  {
    goal: '21',
    what: 'idle close of a Nest application',
    unit: ' ms',
    target: atMost(50),
    value: (numberOf) => numberOf('stop: idle close, Nest application', 'wallMs'),
  },
  {
    goal: '21',
    what: 'drain of 100 k waiting jobs at the stop, to the drain rate',
    target: atLeast(0.9),
    value: faster(['stop: 100 k jobs, stopped at once', 'workCpuNs'], ['stop: 100 k jobs, not stopped', 'workCpuNs']),
  },
  {
    goal: '19',
    what: '1 MiB payloads to one copy each',
    target: atLeast(0.9),
    value: faster(wall('kernel: 1 MiB payloads'), wall('limits: prototype, one copy of 1 MiB')),
  },
  {
    goal: '22',
    what: 'no AsyncLocalStorage, AbortSignal, timer, id or promise per job',
    target: { text: 'counted', test: () => true },
    remark: 'test/kernel/hot-path.spec.ts',
  },
];
