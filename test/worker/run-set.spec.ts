import { systemClock } from '../../lib/contract/clock.js';
import { JobRun, type JobRunContext } from '../../lib/worker/job-run.js';
import { receivedJob } from '../../lib/worker/received-job.js';
import { RunSet } from '../../lib/worker/run-set.js';

const CONTEXT: JobRunContext = { clock: systemClock, answer: () => {}, timedOut: () => {}, progress: () => undefined };

function runs(count: number): JobRun[] {
  return Array.from({ length: count }, (_, index) => new JobRun(receivedJob(`{"id":"${index}"}`, new Uint8Array(0)), index, CONTEXT));
}

describe('The set of what runs', () => {
  it('loses the one that ended, wherever it stands', () => {
    const all = runs(4);
    const set = new RunSet();
    for (const run of all) set.add(run);
    for (const run of [all[1], all[3], all[0], all[2]]) {
      expect(set.delete(run)).toBe(true);
      expect(set.has(run)).toBe(false);
      expect(set.delete(run)).toBe(false);
    }
    expect(set.size).toBe(0);
  });

  it('keeps the others', () => {
    const [first, second, third] = runs(3);
    const set = new RunSet();
    for (const run of [first, second, third]) set.add(run);
    set.delete(first);
    expect(new Set(set.all)).toEqual(new Set([second, third]));
    expect([second, third].every((run) => set.has(run))).toBe(true);
  });

  it('does not take one that never was in it for the one in its place', () => {
    const [inside, outside] = runs(2);
    const set = new RunSet();
    set.add(inside);
    expect(set.has(outside)).toBe(false);
    expect(set.delete(outside)).toBe(false);
    expect(set.size).toBe(1);
  });
});
