import fc from 'fast-check';
import type { Delivery } from '../../lib/contract/driver.js';
import { Gate } from '../../lib/kernel/gate.js';
import { PriorityQueue } from '../../lib/kernel/priority-queue.js';
import { aJob } from '../support/jobs.js';

const delivery = (name: string, pipeline = 'p'): Delivery => aJob({ name, pipeline }) as unknown as Delivery;
const nameOf = (taken: Delivery | undefined): string | undefined => taken?.job.name;

function takeAll(queue: PriorityQueue): string[] {
  const names: string[] = [];
  for (let taken = queue.take(); taken !== undefined; taken = queue.take()) names.push(taken.job.name);
  return names;
}

describe('PriorityQueue', () => {
  it('hands out the lowest number first', () => {
    const queue = new PriorityQueue();
    for (const priority of [10, 1, 7, -5, 10_000]) queue.add(delivery(String(priority)), priority, undefined);
    expect(takeAll(queue)).toEqual(['-5', '1', '7', '10', '10000']);
  });

  it('hands out equal priorities in the order of their arrival', () => {
    const queue = new PriorityQueue();
    for (let index = 0; index < 50; index++) queue.add(delivery(`job-${index}`), 10, undefined);
    expect(takeAll(queue)).toEqual(Array.from({ length: 50 }, (_, index) => `job-${index}`));
  });

  it('lets a more urgent job overtake those that wait', () => {
    const queue = new PriorityQueue();
    queue.add(delivery('normal'), 10, undefined);
    queue.add(delivery('second'), 10, undefined);
    expect(nameOf(queue.take())).toBe('normal');
    queue.add(delivery('urgent'), 1, undefined);
    expect(takeAll(queue)).toEqual(['urgent', 'second']);
  });

  it('agrees with a stable sort, whatever is added and taken in turn', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.record({ add: fc.integer({ min: -3, max: 3 }) }), fc.constant('take' as const))), (steps) => {
        const queue = new PriorityQueue();
        const model: { priority: number; name: string }[] = [];
        steps.forEach((step, index) => {
          if (step === 'take') {
            expect(nameOf(queue.take())).toBe(model.shift()?.name);
          } else {
            queue.add(delivery(String(index)), step.add, undefined);
            const at = model.findIndex(({ priority }) => priority > step.add);
            model.splice(at === -1 ? model.length : at, 0, { priority: step.add, name: String(index) });
          }
          expect(queue.length).toBe(model.length);
        });
        expect(takeAll(queue)).toEqual(model.map(({ name }) => name));
      }),
    );
  });

  it('holds the jobs of a closed gate back and serves the others', () => {
    const queue = new PriorityQueue();
    const gate = new Gate(1);
    queue.add(delivery('limited-1'), 10, gate);
    queue.add(delivery('limited-2'), 10, gate);
    queue.add(delivery('free'), 20, undefined);
    expect([nameOf(queue.take()), nameOf(queue.take()), nameOf(queue.take())]).toEqual(['limited-1', 'free', undefined]);
    gate.leave();
    expect(nameOf(queue.take())).toBe('limited-2');
  });

  it('serves the more urgent of two parked lanes of one gate first', () => {
    const queue = new PriorityQueue();
    const gate = new Gate(1);
    queue.add(delivery('first'), 5, gate);
    queue.add(delivery('late'), 10, gate);
    queue.add(delivery('soon'), 5, gate);
    expect(nameOf(queue.take())).toBe('first');
    expect(queue.take()).toBeUndefined();
    gate.leave();
    expect(nameOf(queue.take())).toBe('soon');
    gate.leave();
    expect(nameOf(queue.take())).toBe('late');
  });

  it('never lets more through a gate than its limit, whatever the order of adds, takes and leaves', () => {
    const step = fc.oneof(fc.record({ add: fc.nat({ max: 3 }), gated: fc.boolean() }), fc.constant('take' as const), fc.constant('leave' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new PriorityQueue();
        const gate = new Gate(2);
        let inside = 0;
        let waiting = 0;
        let free = 0;
        for (const one of steps) {
          if (one === 'leave') {
            if (inside > 0) {
              inside--;
              gate.leave();
            }
          } else if (one === 'take') {
            const taken = queue.take();
            if (taken?.job.pipeline === 'gated') {
              inside++;
              waiting--;
            } else if (taken !== undefined) free--;
            // Nothing is kept back that could run.
            else expect(free === 0 && (waiting === 0 || inside === 2)).toBe(true);
          } else {
            queue.add(delivery('job', one.gated ? 'gated' : 'free'), one.add, one.gated ? gate : undefined);
            if (one.gated) waiting++;
            else free++;
          }
          expect(inside).toBeLessThanOrEqual(2);
          expect(queue.length).toBe(waiting + free);
        }
      }),
    );
  });

  it('takes a limited and an unlimited pipeline of one priority in turn', () => {
    const queue = new PriorityQueue();
    const gate = new Gate(10);
    for (const name of ['a', 'b', 'c']) queue.add(delivery(name), 10, undefined);
    for (const name of ['x', 'y', 'z']) queue.add(delivery(name), 10, gate);
    expect(takeAll(queue)).toEqual(['a', 'x', 'b', 'y', 'c', 'z']);
  });

  it('takes one pipeline out and leaves the order of the others', () => {
    const queue = new PriorityQueue();
    const gate = new Gate(1);
    for (let index = 0; index < 6; index++) queue.add(delivery(`job-${index}`, index % 2 === 0 ? 'kept' : 'gone'), 10 - (index % 3), undefined);
    queue.add(delivery('limited', 'gone'), 10, gate);
    expect(queue.removeWhere(({ job }) => job.pipeline === 'gone')).toHaveLength(4);
    expect(queue.length).toBe(3);
    expect(takeAll(queue)).toEqual(['job-2', 'job-4', 'job-0']);
  });

  it('forgets priorities that nobody uses', () => {
    const queue = new PriorityQueue();
    for (let priority = 1; priority <= 1_000; priority++) {
      queue.add(delivery('job'), priority, undefined);
      queue.take();
    }
    expect(queue.take()).toBeUndefined();
    queue.add(delivery('last'), 500, undefined);
    expect(takeAll(queue)).toEqual(['last']);
  });
});
