import { silentLogger } from '../../lib/contract/logger.js';
import { MemoryStore } from '../../lib/store/memory.store.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const value = new Uint8Array([1]);

describe('MemoryStore', () => {
  it('costs no timers for time limits', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore(clock);
    for (let index = 0; index < 100; index++) await store.put(`k${index}`, value, { ttlMs: 1_000 });
    await store.claim('k', 'me', 1_000);
    expect(clock.pending).toBe(0);
  });

  it('goes by wall time: a step of the clock ends what expired meanwhile', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore(clock);
    await store.put('k', value, { ttlMs: 60_000 });
    await store.claim('k', 'one', 60_000);
    clock.jump(59_999);
    expect([await store.count(''), await store.claim('k', 'two', 1)]).toEqual([1, false]);
    clock.jump(1);
    expect([await store.count(''), await store.claim('k', 'two', 1)]).toEqual([0, true]);
  });

  it('does not bring back what expired when the clock steps back', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore(clock);
    await store.put('k', value, { ttlMs: 1_000 });
    await clock.advance(1_000);
    expect(await store.get('k')).toBeUndefined();
    clock.jump(-3_600_000);
    expect(await store.get('k')).toBeUndefined();
  });

  it('reports a listener that throws', async () => {
    const errors: unknown[] = [];
    const store = new MemoryStore(new VirtualClock(), { ...silentLogger, error: (message, fields) => errors.push([message, fields]) });
    const error = new RangeError('broken');
    store.subscribe('', () => {
      throw error;
    });
    await store.put('k', value);
    expect(errors).toEqual([['A listener of the state store threw on key "k"; the write stands.', { key: 'k', error }]]);
  });

  it('pages through 20,000 keys in any order of insertion', async () => {
    const store = new MemoryStore(new VirtualClock());
    const keys = Array.from({ length: 20_000 }, (_, index) => `job/${String((index * 7_919) % 20_000).padStart(6, '0')}`);
    await Promise.all(keys.map((key) => store.put(key, value)));
    await Promise.all(keys.filter((_, index) => index % 2 === 0).map((key) => store.delete(key)));
    const left = keys.filter((_, index) => index % 2 === 1).sort();
    expect(await store.count('job/')).toBe(10_000);
    const seen: string[] = [];
    for (let after = ''; ;) {
      const page = await store.range({ prefix: 'job/', after, limit: 777 });
      if (page.length === 0) break;
      seen.push(...page.map(({ key }) => key));
      after = seen.at(-1)!;
    }
    expect(seen).toEqual(left);
    const newest = await store.range({ prefix: 'job/', reverse: true, limit: 600 });
    expect(newest.map(({ key }) => key)).toEqual(left.slice(-600).reverse());
  });
});
