import * as fc from 'fast-check';
import type { Clock } from '../../lib/contract/clock.js';
import { JobsArgumentError } from '../../lib/contract/errors.js';
import type { StateEntry, StateStore } from '../../lib/contract/state-store.js';
import { StateStoreClosedError } from '../../lib/contract/storage-errors.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

export interface StateStoreSubject {
  readonly name: string;
  readonly isShared: boolean;
  readonly isDurable: boolean;
  /** A new, empty store. */
  open(clock: Clock): StateStore | Promise<StateStore>;
  /** Lets time pass. Default: moves the virtual clock. A store that has a clock of its own waits. */
  pass?(ms: number): Promise<void>;
  /** The time limit that the tests set. Unit: milliseconds. Default: 1000. */
  readonly ttlMs?: number;
}

const MAX_KEY = 'k'.repeat(512);
/** In the order of their UTF-8 bytes, which is not that of JavaScript: U+FF5E comes before the emoji. */
const ORDERED = ['A', 'Z', 'a', 'a/', 'a/1', 'a/10', 'a/2', 'b', 'é', '中', '\uff5e', '😀', '😀a', '😁'];

/** What every implementation of {@link StateStore} has to do. */
export function describeStateStoreContract(subject: StateStoreSubject): void {
  describe(`state store contract: ${subject.name}`, () => {
    const ttlMs = subject.ttlMs ?? 1_000;
    const opened: StateStore[] = [];
    const open = async () => {
      const clock = new VirtualClock();
      const store = await subject.open(clock);
      opened.push(store);
      return { store, pass: (ms: number) => subject.pass?.(ms) ?? clock.advance(ms) };
    };

    const filled = async () => {
      const { store } = await open();
      for (const key of [...ORDERED].reverse()) await store.put(key, bytes(`of ${key}`));
      return store;
    };

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    it('says what it is', async () => {
      const { store } = await open();
      expect([store.kind, store.isShared, store.isDurable]).toEqual([subject.name, subject.isShared, subject.isDurable]);
    });

    describe('values', () => {
      it('come back byte for byte', async () => {
        const { store } = await open();
        const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index);
        await store.put('bytes', everyByte);
        expect([...(await store.get('bytes'))!]).toEqual([...everyByte]);
      });

      it('may be empty or a mebibyte', async () => {
        const { store } = await open();
        await store.put('empty', new Uint8Array());
        await store.put('large', new Uint8Array(1_048_576).fill(7));
        expect((await store.get('empty'))?.byteLength).toBe(0);
        const large = await store.get('large');
        expect([large?.byteLength, large?.every((byte) => byte === 7)]).toEqual([1_048_576, true]);
      });

      it('are undefined under a key that was never put', async () => {
        const { store } = await open();
        expect(await store.get('nothing')).toBeUndefined();
      });

      it('are replaced by the next put', async () => {
        const { store } = await open();
        await store.put('k', bytes('one'));
        await store.put('k', bytes('two'));
        expect([text(await store.get('k')), await store.count('')]).toEqual(['two', 1]);
      });

      it('do not change when the caller changes what was put', async () => {
        const { store } = await open();
        const value = bytes('kept');
        await store.put('k', value);
        value.fill(0);
        expect(text(await store.get('k'))).toBe('kept');
      });

      it('do not change when the caller changes what was read', async () => {
        const { store } = await open();
        await store.put('k', bytes('kept'));
        (await store.get('k'))!.fill(0);
        (await store.range({ prefix: 'k' }))[0].value.fill(0);
        await store.transaction(async (transaction) => void (await transaction.get('k'))!.fill(0));
        expect(text(await store.get('k'))).toBe('kept');
      });

      it('are the part of a buffer that was given, not the whole of it', async () => {
        const { store } = await open();
        await store.put('k', Buffer.from('xxvaluexx').subarray(2, 7));
        expect(text(await store.get('k'))).toBe('value');
      });

      it('are gone after a delete, which tells whether there was one', async () => {
        const { store } = await open();
        await store.put('k', bytes('v'));
        expect([await store.delete('k'), await store.delete('k'), await store.get('k'), await store.count('')]).toEqual([true, false, undefined, 0]);
      });
    });

    describe('keys', () => {
      it('are told apart by every byte and case', async () => {
        const { store } = await open();
        const keys = ['a', 'A', 'a ', 'é', 'e\u0301', '😀', '__proto__', 'constructor', MAX_KEY, `${MAX_KEY.slice(1)}x`];
        for (const key of keys) await store.put(key, bytes(`of ${key}`));
        for (const key of keys) expect(text(await store.get(key))).toBe(`of ${key}`);
      });

      it.each([
        ['that are empty', ''],
        ['over 512 bytes', `${MAX_KEY}k`],
        ['over 512 bytes in fewer characters', '中'.repeat(171)],
        ['with half a surrogate pair', 'a\ud83d'],
      ])('%s are refused', async (_what, key) => {
        const { store } = await open();
        const value = bytes('v');
        await expect(store.get(key)).rejects.toThrow(JobsArgumentError);
        await expect(store.put(key, value)).rejects.toThrow(JobsArgumentError);
        await expect(store.delete(key)).rejects.toThrow(JobsArgumentError);
        await expect(store.claim(key, 'me', ttlMs)).rejects.toThrow(JobsArgumentError);
        await expect(store.release(key, 'me')).rejects.toThrow(JobsArgumentError);
        await expect(store.transaction(async (transaction) => transaction.put(key, value))).rejects.toThrow(JobsArgumentError);
        await expect(store.transaction(async (transaction) => transaction.delete(key))).rejects.toThrow(JobsArgumentError);
        await expect(store.transaction((transaction) => transaction.get(key))).rejects.toThrow(JobsArgumentError);
      });
    });

    describe('a time limit', () => {
      it('ends the value for get, count, range, delete and transactions', async () => {
        const { store, pass } = await open();
        await store.put('short', bytes('v'), { ttlMs });
        await store.put('stays', bytes('v'));
        expect([text(await store.get('short')), await store.count('')]).toEqual(['v', 2]);
        await pass(ttlMs);
        expect(await store.get('short')).toBeUndefined();
        expect(await store.count('')).toBe(1);
        expect(keysOf(await store.range({ prefix: '' }))).toEqual(['stays']);
        expect(await store.transaction((transaction) => transaction.get('short'))).toBeUndefined();
        expect(await store.delete('short')).toBe(false);
      });

      it('is forgotten by a put without one', async () => {
        const { store, pass } = await open();
        await store.put('k', bytes('one'), { ttlMs });
        await store.put('k', bytes('two'));
        await pass(ttlMs * 2);
        expect(text(await store.get('k'))).toBe('two');
      });

      it('begins anew with the next put', async () => {
        const { store, pass } = await open();
        await store.put('k', bytes('one'), { ttlMs });
        await pass(ttlMs / 2);
        await store.put('k', bytes('two'), { ttlMs: ttlMs * 2 });
        await pass(ttlMs);
        expect(text(await store.get('k'))).toBe('two');
        await pass(ttlMs);
        expect(await store.get('k')).toBeUndefined();
      });

      it('can be set in a transaction', async () => {
        const { store, pass } = await open();
        await store.transaction(async (transaction) => transaction.put('k', bytes('v'), { ttlMs }));
        expect(text(await store.get('k'))).toBe('v');
        await pass(ttlMs);
        expect(await store.get('k')).toBeUndefined();
      });

      it.each([0, -1, Number.NaN, Infinity])('of %p is refused', async (wrong) => {
        const { store } = await open();
        const value = bytes('v');
        await expect(store.put('k', value, { ttlMs: wrong })).rejects.toThrow(JobsArgumentError);
        await expect(store.claim('k', 'me', wrong)).rejects.toThrow(JobsArgumentError);
        await expect(store.transaction(async (transaction) => transaction.put('k', value, { ttlMs: wrong }))).rejects.toThrow(JobsArgumentError);
        expect(await store.count('')).toBe(0);
      });
    });

    describe('a claim', () => {
      it('is held by one owner until it is released', async () => {
        const { store } = await open();
        expect(await store.claim('k', 'one', ttlMs)).toBe(true);
        expect(await store.claim('k', 'two', ttlMs)).toBe(false);
        expect(await store.release('k', 'two')).toBe(false);
        expect(await store.claim('k', 'two', ttlMs)).toBe(false);
        expect(await store.release('k', 'one')).toBe(true);
        expect(await store.release('k', 'one')).toBe(false);
        expect(await store.claim('k', 'two', ttlMs)).toBe(true);
      });

      it('is free when its time is over', async () => {
        const { store, pass } = await open();
        await store.claim('k', 'one', ttlMs);
        await pass(ttlMs);
        expect(await store.release('k', 'one')).toBe(false);
        expect(await store.claim('k', 'two', ttlMs)).toBe(true);
      });

      it('begins anew when its owner claims again', async () => {
        const { store, pass } = await open();
        await store.claim('k', 'one', ttlMs);
        await pass(ttlMs / 2);
        expect(await store.claim('k', 'one', ttlMs * 2)).toBe(true);
        await pass(ttlMs);
        expect(await store.claim('k', 'two', ttlMs)).toBe(false);
        await pass(ttlMs);
        expect(await store.claim('k', 'two', ttlMs)).toBe(true);
      });

      it('goes to exactly one of many that ask at once', async () => {
        const { store } = await open();
        const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => store.claim('k', `owner ${index}`, ttlMs)));
        expect(answers.filter(Boolean)).toHaveLength(1);
      });

      it('is apart from the value of the same key', async () => {
        const { store } = await open();
        await store.claim('k', 'one', ttlMs);
        expect([await store.get('k'), await store.count(''), await store.range({ prefix: '' })]).toEqual([undefined, 0, []]);
        await store.put('k', bytes('v'));
        await store.delete('k');
        expect(await store.claim('k', 'two', ttlMs)).toBe(false);
        await store.put('k', bytes('v'));
        await store.release('k', 'one');
        expect(text(await store.get('k'))).toBe('v');
      });
    });

    describe('a range', () => {
      it('is ordered by the UTF-8 bytes of the keys', async () => {
        const store = await filled();
        const entries = await store.range({ prefix: '' });
        expect(keysOf(entries)).toEqual(ORDERED);
        expect(entries.map(({ value }) => text(value))).toEqual(ORDERED.map((key) => `of ${key}`));
      });

      it('is ordered from the last key when reversed', async () => {
        const store = await filled();
        expect(keysOf(await store.range({ prefix: '', reverse: true }))).toEqual([...ORDERED].reverse());
      });

      it('holds only keys that begin with its prefix', async () => {
        const store = await filled();
        expect(keysOf(await store.range({ prefix: 'a/' }))).toEqual(['a/', 'a/1', 'a/10', 'a/2']);
        expect(keysOf(await store.range({ prefix: 'a/', reverse: true }))).toEqual(['a/2', 'a/10', 'a/1', 'a/']);
        expect(keysOf(await store.range({ prefix: '😀' }))).toEqual(['😀', '😀a']);
        expect(await store.range({ prefix: 'nothing' })).toEqual([]);
      });

      it('begins after a key, whether it exists or not', async () => {
        const store = await filled();
        expect(keysOf(await store.range({ prefix: 'a', after: 'a/1' }))).toEqual(['a/10', 'a/2']);
        expect(keysOf(await store.range({ prefix: 'a', after: 'a/11' }))).toEqual(['a/2']);
        expect(keysOf(await store.range({ prefix: 'a', after: 'A' }))).toEqual(['a', 'a/', 'a/1', 'a/10', 'a/2']);
        expect(await store.range({ prefix: 'a', after: 'b' })).toEqual([]);
      });

      it('begins before a key when reversed', async () => {
        const store = await filled();
        expect(keysOf(await store.range({ prefix: 'a', after: 'a/10', reverse: true }))).toEqual(['a/1', 'a/', 'a']);
        expect(keysOf(await store.range({ prefix: 'a', after: 'a/11', reverse: true }))).toEqual(['a/10', 'a/1', 'a/', 'a']);
        expect(keysOf(await store.range({ prefix: 'a', after: 'z', reverse: true }))).toEqual(['a/2', 'a/10', 'a/1', 'a/', 'a']);
        expect(await store.range({ prefix: 'a', after: 'a', reverse: true })).toEqual([]);
      });

      it('holds at most its limit, 100 by default', async () => {
        const { store } = await open();
        for (let index = 0; index < 120; index++) await store.put(`n/${1_000 + index}`, bytes(String(index)));
        expect(await store.range({ prefix: 'n/' })).toHaveLength(100);
        expect(keysOf(await store.range({ prefix: 'n/', limit: 3 }))).toEqual(['n/1000', 'n/1001', 'n/1002']);
        expect(keysOf(await store.range({ prefix: 'n/', limit: 2, reverse: true }))).toEqual(['n/1119', 'n/1118']);
        expect(await store.range({ prefix: 'n/', limit: 1_000 })).toHaveLength(120);
      });

      it('reads everything exactly once, page by page', async () => {
        const store = await filled();
        const seen: string[] = [];
        for (let after: string | undefined; ;) {
          const page = await store.range({ prefix: '', limit: 4, ...(after === undefined ? {} : { after }) });
          seen.push(...keysOf(page));
          after = page.at(-1)?.key;
          if (page.length < 4) break;
        }
        expect(seen).toEqual(ORDERED);
      });

      it.each([0, -1, 1.5, Number.NaN])('refuses a limit of %p', async (limit) => {
        const { store } = await open();
        await expect(store.range({ prefix: '', limit })).rejects.toThrow(JobsArgumentError);
      });
    });

    it('counts the keys that begin with a prefix', async () => {
      const { store } = await open();
      for (const key of ORDERED) await store.put(key, bytes('v'));
      expect([await store.count(''), await store.count('a/'), await store.count('a/1'), await store.count('none')]).toEqual([
        ORDERED.length,
        4,
        2,
        0,
      ]);
    });

    describe('a transaction', () => {
      it('answers what its function answers, and keeps its writes', async () => {
        const { store } = await open();
        await store.put('old', bytes('v'));
        const answer = await store.transaction(async (transaction) => {
          transaction.put('new', bytes('v'));
          transaction.delete('old');
          return 42;
        });
        expect([answer, keysOf(await store.range({ prefix: '' }))]).toEqual([42, ['new']]);
      });

      it('reads its own writes', async () => {
        const { store } = await open();
        await store.put('old', bytes('before'));
        await store.transaction(async (transaction) => {
          expect(text(await transaction.get('old'))).toBe('before');
          transaction.put('old', bytes('after'));
          expect(text(await transaction.get('old'))).toBe('after');
          transaction.delete('old');
          expect(await transaction.get('old')).toBeUndefined();
          transaction.put('old', bytes('again'));
          expect(text(await transaction.get('old'))).toBe('again');
        });
        expect(text(await store.get('old'))).toBe('again');
      });

      it('shows nothing of its writes before it ends', async () => {
        const { store } = await open();
        const outside = await store.transaction(async (transaction) => {
          transaction.put('k', bytes('v'));
          return [await store.get('k'), await store.count(''), await store.range({ prefix: '' })];
        });
        expect(outside).toEqual([undefined, 0, []]);
      });

      it('keeps nothing when its function throws, and rejects with the same error', async () => {
        const { store } = await open();
        await store.put('k', bytes('kept'));
        const error = new RangeError('broken');
        const broken = store.transaction(async (transaction) => {
          transaction.put('k', bytes('lost'));
          transaction.put('other', bytes('lost'));
          throw error;
        });
        await expect(broken).rejects.toBe(error);
        expect([text(await store.get('k')), await store.get('other')]).toEqual(['kept', undefined]);
      });

      it('lets the next one run after it threw', async () => {
        const { store } = await open();
        const broken = store.transaction(() => Promise.reject(new RangeError('broken')));
        const next = store.transaction(async (transaction) => transaction.put('k', bytes('v')));
        await expect(broken).rejects.toThrow('broken');
        await next;
        expect(text(await store.get('k'))).toBe('v');
      });

      it('keeps a value as it was at the put', async () => {
        const { store } = await open();
        const value = bytes('kept');
        await store.transaction(async (transaction) => {
          transaction.put('k', value);
          value.fill(0);
        });
        expect(text(await store.get('k'))).toBe('kept');
      });

      it('loses no update to others on the same key', async () => {
        const { store } = await open();
        const increment = () =>
          store.transaction(async (transaction) => {
            const count = Number(text(await transaction.get('count')) ?? 0);
            await Promise.resolve();
            transaction.put('count', bytes(String(count + 1)));
          });
        await Promise.all(Array.from({ length: 50 }, increment));
        expect(text(await store.get('count'))).toBe('50');
      });

      it('comes wholly before or wholly after a plain put of the same key', async () => {
        const { store } = await open();
        await store.put('k', bytes('1'));
        let put: Promise<void> | undefined;
        await store.transaction(async (transaction) => {
          const value = Number(text(await transaction.get('k')));
          put ??= store.put('k', bytes('5'));
          transaction.put('k', bytes(String(value + 1)));
        });
        await put;
        expect(['5', '6']).toContain(text(await store.get('k')));
      });

      it('refuses to be used when it is over', async () => {
        const { store } = await open();
        const late = await store.transaction(async (transaction) => ({ transaction }));
        expect(() => late.transaction.put('k', bytes('v'))).toThrow(JobsArgumentError);
        expect(() => late.transaction.delete('k')).toThrow(JobsArgumentError);
        await expect(late.transaction.get('k')).rejects.toThrow(JobsArgumentError);
        expect(await store.count('')).toBe(0);
      });
    });

    describe('a subscription', () => {
      it('tells each put and delete of a key that begins with its prefix', async () => {
        const { store } = await open();
        const told = new Told();
        store.subscribe('a/', (key) => told.add(key));
        await store.put('a/1', bytes('v'));
        await store.put('b/1', bytes('v'));
        await store.delete('a/1');
        await store.delete('a/nothing');
        await store.put('a/end', bytes('v'));
        expect(await told.until('a/end')).toEqual(['a/1', 'a/1', 'a/end']);
      });

      it('tells when the change can be read', async () => {
        const { store } = await open();
        const read = new Promise<unknown>((resolve) => {
          store.subscribe('k', (key) => void store.get(key).then((value) => resolve(text(value))));
        });
        await store.put('k', bytes('committed'));
        expect(await read).toBe('committed');
      });

      it('tells the keys of a transaction after all of it is there, and nothing of one that failed', async () => {
        const { store } = await open();
        const told = new Told();
        const counts: Promise<number>[] = [];
        store.subscribe('', (key) => {
          told.add(key);
          counts.push(store.count(''));
        });
        const failed = store.transaction(async (transaction) => {
          transaction.put('lost', bytes('v'));
          throw new RangeError('broken');
        });
        await expect(failed).rejects.toThrow('broken');
        await store.transaction(async (transaction) => {
          transaction.put('one', bytes('v'));
          transaction.put('two', bytes('v'));
        });
        expect((await told.until('two')).sort()).toEqual(['one', 'two']);
        expect(await Promise.all(counts)).toEqual([2, 2]);
      });

      it('tells nothing after its end, which may be called twice and ends no other', async () => {
        const { store } = await open();
        const ended = new Told();
        const other = new Told();
        const listener = (key: string): void => ended.add(key);
        const end = store.subscribe('', listener);
        store.subscribe('', (key) => other.add(key));
        await store.put('first', bytes('v'));
        await ended.until('first');
        end();
        end();
        await store.put('second', bytes('v'));
        await other.until('second');
        expect(ended.keys).toEqual(['first']);
      });

      it('keeps others and the write from harm when its listener throws', async () => {
        const { store } = await open();
        const told = new Told();
        store.subscribe('', () => {
          throw new RangeError('broken');
        });
        store.subscribe('', (key) => told.add(key));
        await store.put('k', bytes('v'));
        expect(await told.until('k')).toEqual(['k']);
        expect(text(await store.get('k'))).toBe('v');
      });
    });

    describe('close', () => {
      it('may be called twice and at once', async () => {
        const { store } = await open();
        await Promise.all([store.close(), store.close()]);
        await expect(store.close()).resolves.toBeUndefined();
      });

      it('waits for writes under way', async () => {
        const { store } = await open();
        const done: string[] = [];
        const put = store.put('k', bytes('v')).then(() => done.push('put'));
        const read = store.transaction(async (transaction) => {
          await new Promise((resolve) => setImmediate(resolve));
          done.push(`read ${text(await transaction.get('k'))}`);
        });
        await store.close();
        expect(done).toEqual(['put', 'read v']);
        await Promise.all([put, read]);
      });

      it('lets everything after it fail with a clear error', async () => {
        const { store } = await open();
        await store.close();
        const value = bytes('v');
        await expect(store.get('k')).rejects.toThrow(StateStoreClosedError);
        await expect(store.put('k', value)).rejects.toThrow(StateStoreClosedError);
        await expect(store.delete('k')).rejects.toThrow(StateStoreClosedError);
        await expect(store.claim('k', 'me', ttlMs)).rejects.toThrow(StateStoreClosedError);
        await expect(store.release('k', 'me')).rejects.toThrow(StateStoreClosedError);
        await expect(store.count('')).rejects.toThrow(StateStoreClosedError);
        await expect(store.range({ prefix: '' })).rejects.toThrow(StateStoreClosedError);
        await expect(store.transaction(async () => {})).rejects.toThrow(StateStoreClosedError);
        expect(() => store.subscribe('', () => {})).toThrow(StateStoreClosedError);
      });
    });

    it('does what a plain model does, whatever the order of calls', async () => {
      const key = fc.string({ unit: fc.constantFrom('a', 'b', '\uff5e', '😀'), minLength: 1, maxLength: 3 });
      const step = fc.oneof(
        fc.record({ kind: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 3 }), limited: fc.boolean() }),
        fc.record({ kind: fc.constant('delete' as const), key }),
        fc.record({ kind: fc.constant('pass' as const) }),
        fc.record({ kind: fc.constant('claim' as const), key, owner: fc.constantFrom('one', 'two') }),
        fc.record({ kind: fc.constant('release' as const), key, owner: fc.constantFrom('one', 'two') }),
        fc.record({
          kind: fc.constant('range' as const),
          prefix: fc.oneof(fc.constant(''), key),
          after: fc.option(key, { nil: undefined }),
          limit: fc.integer({ min: 1, max: 5 }),
          reverse: fc.boolean(),
        }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const { store, pass } = await open();
          const model = new Model();
          for (const next of steps) {
            switch (next.kind) {
              case 'put':
                await store.put(next.key, next.value, next.limited ? { ttlMs } : undefined);
                model.put(next.key, next.value, next.limited);
                break;
              case 'delete':
                expect(await store.delete(next.key)).toBe(model.delete(next.key));
                break;
              case 'pass':
                await pass(ttlMs);
                model.expire();
                break;
              case 'claim':
                expect(await store.claim(next.key, next.owner, ttlMs)).toBe(model.claim(next.key, next.owner));
                break;
              case 'release':
                expect(await store.release(next.key, next.owner)).toBe(model.release(next.key, next.owner));
                break;
              case 'range': {
                const { prefix, after, limit, reverse } = next;
                const entries = await store.range({ prefix, limit, reverse, ...(after === undefined ? {} : { after }) });
                expect(entries.map((entry) => [entry.key, [...entry.value]])).toEqual(model.range(prefix, after, limit, reverse));
                expect(await store.count(prefix)).toBe(model.range(prefix, undefined, Infinity, false).length);
                break;
              }
            }
          }
          await store.close();
        }),
        { numRuns: 60 },
      );
    });
  });
}

/** The same store, written for truth and not for speed. Everything with a time limit ends at `expire`. */
class Model {
  readonly #values = new Map<string, { bytes: number[]; limited: boolean }>();
  readonly #claims = new Map<string, string>();

  put(key: string, value: Uint8Array, limited: boolean): void {
    this.#values.set(key, { bytes: [...value], limited });
  }

  delete(key: string): boolean {
    return this.#values.delete(key);
  }

  expire(): void {
    this.#claims.clear();
    for (const [key, { limited }] of this.#values) if (limited) this.#values.delete(key);
  }

  claim(key: string, owner: string): boolean {
    if ((this.#claims.get(key) ?? owner) !== owner) return false;
    this.#claims.set(key, owner);
    return true;
  }

  release(key: string, owner: string): boolean {
    return this.#claims.get(key) === owner && this.#claims.delete(key);
  }

  range(prefix: string, after: string | undefined, limit: number, reverse: boolean): [string, number[]][] {
    const order = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right)) * (reverse ? -1 : 1);
    return [...this.#values]
      .map(([key, { bytes: value }]): [string, number[]] => [key, value])
      .filter(([key]) => key.startsWith(prefix) && (after === undefined || order(key, after) > 0))
      .sort(([left], [right]) => order(left, right))
      .slice(0, limit);
  }
}

/** The keys that a listener was told, and a way to wait for one. */
class Told {
  readonly keys: string[] = [];
  #waiting: { readonly key: string; readonly resolve: () => void } | undefined;

  add(key: string): void {
    this.keys.push(key);
    if (this.#waiting?.key === key) this.#waiting.resolve();
  }

  async until(key: string): Promise<string[]> {
    if (!this.keys.includes(key)) await new Promise<void>((resolve) => (this.#waiting = { key, resolve }));
    return [...this.keys];
  }
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : new TextDecoder().decode(value);
}

function keysOf(entries: readonly StateEntry[]): string[] {
  return entries.map(({ key }) => key);
}
