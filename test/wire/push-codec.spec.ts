import fc from 'fast-check';
import { NO_HEADERS, type Job } from '../../lib/contract/job.js';
import { jobs as messages } from '../../lib/wire/generated/messages.js';
import { PushReader } from '../../lib/wire/push-reader.js';
import { encodePush, encodePushBatch } from '../../lib/wire/push-writer.js';
import { aJob, bytesOf } from '../support/jobs.js';

const { Job: JobMessage, PushBatchRequest, PushRequest } = messages.v1;

const MIB = 1024 * 1024;

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('email.send', 'λ', '__proto__', ''),
);
const payload = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 80 }));
const headers = fc.array(fc.tuple(text, fc.array(text, { maxLength: 3 })), { maxLength: 4 }).map((entries) => {
  const record = Object.create(null) as Record<string, string[]>;
  for (const [name, values] of entries) record[name] = values;
  return entries.length === 0 ? NO_HEADERS : record;
});
const kafka = fc.record({
  topic: text,
  partition: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  offset: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  metadata: text,
});
const job = fc
  .record({
    job: fc.record({
      name: text,
      pipeline: text,
      payload,
      headers,
      priority: fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -1, max: 200 })),
      delayMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 40 })),
      autoAck: fc.boolean(),
      id: fc.oneof(fc.uuid(), fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })),
    }),
    kafka: fc.option(kafka, { nil: undefined }),
  })
  .map(({ job: input, kafka: place }): Job => ({ ...input, ...(place === undefined ? {} : { kafka: place }) }));

/** The message as the generated code takes it. */
function messageOf({ name, id, payload: content, headers: all, priority, pipeline, delayMs, autoAck, kafka: place }: Job): object {
  const entries = Object.keys(all).map((header): [string, { value: string[] }] => [header, { value: [...all[header]!] }]);
  const map = Object.create(null) as Record<string, { value: string[] }>;
  for (const [header, value] of entries) map[header] = value;
  const options = { priority: longOf(BigInt(priority)), pipeline, delay: longOf(BigInt(Math.ceil(delayMs / 1_000))), auto_ack: autoAck };
  const more = place === undefined ? {} : { ...place, offset: longOf(place.offset) };
  return { job: name, id, payload: Uint8Array.from(bytesOf(content)), headers: map, options: { ...options, ...more } };
}

/** What protobufjs takes for 64 bits. */
function longOf(value: bigint): { low: number; high: number; unsigned: boolean } {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false };
}

function encodeJobs(jobs: readonly Job[]): Uint8Array {
  return PushBatchRequest.encode({ jobs: jobs.map((one) => messageOf(one)) } as never).finish();
}

/** What of a job travels; the delay in whole seconds. */
function carried(one: Job): object {
  const { name, pipeline, payload: content, headers: all, priority, delayMs, autoAck, id, kafka: place } = one;
  const isPlace = place !== undefined && (place.topic !== '' || place.partition !== 0 || place.offset !== 0n || place.metadata !== '');
  return {
    ...{ name, pipeline, payload: bytesOf(content), headers: Object.entries(all), priority, autoAck, id },
    delayMs: Math.ceil(delayMs / 1_000) * 1_000,
    kafka: isPlace ? place : undefined,
  };
}

function isSmall(one: Job): boolean {
  return [one.name, one.pipeline, one.id].every((value) => Buffer.byteLength(value) <= 255) && one.id !== '';
}

function readAll(bytes: Uint8Array): Job[] {
  return new PushReader().readBatch(Buffer.from(bytes));
}

describe('writing pushes', () => {
  it('gives the same jobs to the generated decoder as the generated encoder', () => {
    fc.assert(
      fc.property(fc.array(job, { maxLength: 5 }), (jobs) => {
        expect(PushBatchRequest.decode(encodePushBatch(jobs))).toEqual(PushBatchRequest.decode(encodeJobs(jobs)));
      }),
    );
  });

  it('leaves out every field that is zero', () => {
    expect(encodePush(aJob({ name: '', pipeline: '', id: 'x' }))).toEqual(Buffer.from([0x0a, 3, 0x12, 1, 0x78]));
  });

  it('writes lengths around the sizes of their varints', () => {
    for (const length of [0, 1, 48, 49, 120, 127, 128, 129, 16_383, 16_384, 2_097_152]) {
      const one = aJob({ payload: new Uint8Array(length).fill(7), id: 'x' });
      expect(readAll(encodePush(one)).map(({ payload: content }) => content.length)).toEqual([length]);
    }
  });

  it('takes no more memory than the jobs of a batch need, also when the first is by far the longest', () => {
    const jobs = [aJob({ payload: new Uint8Array(MIB) }), ...Array.from({ length: 999 }, () => aJob())];
    const bytes = encodePushBatch(jobs);

    expect(readAll(bytes)).toHaveLength(1_000);
    expect(bytes.buffer.byteLength).toBeLessThan(4 * MIB);
  });

  it('rounds a delay up to whole seconds', () => {
    expect(readAll(encodePush(aJob({ id: 'x', delayMs: 1_001 })))[0]?.delayMs).toBe(2_000);
  });
});

describe('reading pushes', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(fc.array(job.filter(isSmall), { maxLength: 5 }), (jobs) => {
        expect(readAll(encodePushBatch(jobs)).map(carried)).toEqual(jobs.map(carried));
      }),
    );
  });

  it('reads what the generated code writes', () => {
    fc.assert(
      fc.property(fc.array(job.filter(isSmall), { maxLength: 5 }), (jobs) => {
        expect(readAll(encodeJobs(jobs)).map(carried)).toEqual(jobs.map(carried));
      }),
    );
  });

  it('says the same as the generated decoder of any bytes: no message, or the same names', () => {
    const reader = new PushReader();
    const mutated = fc.tuple(job.filter(isSmall), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })).map(([one, changes]) => {
      const bytes = Buffer.from(encodePush(one));
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        const expected = attempt(() => PushRequest.decode(bytes).job);
        const got = attempt(() => reader.readPush(Buffer.from(bytes)));
        if (isFailure(got)) {
          // Refused here only: numbers and sizes beyond our limits, and varints beyond 64 bits, as Go refuses them.
          expect(isFailure(expected) || /out of range|over the limit/.test(got.message) || hasLongVarint(bytes)).toBe(true);
        } else {
          expect(isFailure(expected)).toBe(false);
          const { job: name, id } = { job: '', id: '', ...(isFailure(expected) ? {} : expected) };
          expect([got?.name ?? name, got?.id ?? '']).toEqual([name, id]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('lets a job of a batch keep its neighbours at most, not the whole batch', () => {
    const payloads = Array.from({ length: 1_000 }, (_, i) => new Uint8Array(i === 500 ? 100_000 : i % 1_000).fill(i));
    const body = Buffer.from(encodePushBatch(payloads.map((content, i) => aJob({ id: `${i}`, payload: content }))));
    const read = new PushReader().readBatch(body);
    body.fill(0); // the frame belongs to somebody else again
    const got = read.map(({ payload: content }) => content as Uint8Array);

    expect(read.every(({ id }, i) => id === `${i}`)).toBe(true);
    expect(got.every((content, i) => Buffer.compare(content, payloads[i]!) === 0)).toBe(true);
    expect(got.filter(({ buffer }) => buffer.byteLength > 64 * 1024)).toHaveLength(1);
  });

  it('refuses every proper beginning of a job that ends inside a field', () => {
    const bytes = Buffer.from(encodePush(aJob({ name: 'email.send', payload: 'x', headers: { a: ['1'] }, id: 'some-id', priority: 300 })));

    const ends = Array.from({ length: bytes.length - 1 }, (_, index) => index + 1);
    const accepted = ends.filter((end) => !isFailure(attempt(() => new PushReader().readPush(bytes.subarray(0, end)))));

    expect(accepted).toEqual([]);
  });

  it('takes fields in any order, the last one of each, and merges a message that comes twice', () => {
    const first = JobMessage.encode({ job: 'a', id: '1', options: { pipeline: 'x', priority: 3 } }).finish();
    const second = JobMessage.encode({ job: 'b', options: { pipeline: 'y' } }).finish();
    const bytes = Buffer.concat([[0x0a, first.length], first, [0x0a, second.length], second].map((part) => Buffer.from(part)));

    expect(new PushReader().readPush(bytes)).toMatchObject({ name: 'b', id: '1', pipeline: 'y', priority: 3 });
  });

  it('takes the last entry of a header that comes twice, and its value before its name', () => {
    const entry = (...bytes: number[]): number[] => [0x22, bytes.length, ...bytes];
    const body = [0x12, 1, 0x31, ...entry(0x0a, 1, 0x61, 0x12, 3, 0x0a, 1, 0x31), ...entry(0x12, 3, 0x0a, 1, 0x32, 0x0a, 1, 0x61)];

    expect({ ...new PushReader().readPush(Buffer.from([0x0a, body.length, ...body]))?.headers }).toEqual({ a: ['2'] });
  });

  it('skips unknown fields of every kind, groups inside groups too', () => {
    const unknown = [0x78, 0xff, 0x01, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 2, 9, 9, 0x7d, 1, 2, 3, 4, 0x7b, 0x73, 0x70, 1, 0x74, 0x7c];
    const body = [0x12, 1, 0x31, ...unknown];

    expect(new PushReader().readPush(Buffer.from([0x0a, body.length, ...body]))?.id).toBe('1');
  });

  it('refuses groups that are nested without end, also when each of them is closed', () => {
    const groups = Buffer.concat([Buffer.alloc(100_000, 0x7b), Buffer.alloc(100_000, 0x7c)]);

    expect(() => new PushReader().readPush(groups)).toThrow(/invalid wire-format/);
  });

  it.each([
    ['a group that another one closes', [0x7b, 0x74]],
    ['the end of a group that nothing began', [0x7c]],
    ['a wire type that does not exist', [0x7e]],
    ['field number 0', [0x02, 0]],
    ['a varint of eleven bytes', [0x78, ...new Array<number>(10).fill(0x80), 0]],
    ['a varint beyond 64 bits', [0x78, ...new Array<number>(9).fill(0xff), 2]],
    ['a length of 2^63', [0x0a, ...new Array<number>(8).fill(0x80), 0x80, 1]],
  ])('refuses %s', (_, bytes) => {
    expect(() => new PushReader().readPush(Buffer.from(bytes))).toThrow(/invalid wire-format/);
  });

  it.each([
    ['name', [0x0a, 1, 0xff]],
    ['id', [0x12, 1, 0xff]],
    ['header name', [0x22, 3, 0x0a, 1, 0xff]],
    ['header value', [0x22, 5, 0x12, 3, 0x0a, 1, 0xc0]],
    ['pipeline', [0x2a, 3, 0x12, 1, 0xff]],
  ])('refuses a %s that is no UTF-8', (_, body) => {
    expect(() => new PushReader().readPush(Buffer.from([0x0a, body.length, ...body]))).toThrow(/invalid UTF-8/);
  });

  it('keeps a payload that is no UTF-8, as it is', () => {
    expect(readAll(encodePush(aJob({ payload: new Uint8Array([0, 255, 128]), id: 'x' })))[0]?.payload).toEqual(new Uint8Array([0, 255, 128]));
  });

  it('keeps the header __proto__ as data', () => {
    const all = readAll(encodePush(aJob({ headers: JSON.parse('{"__proto__":["x"],"constructor":["y"]}') as Record<string, string[]>, id: 'x' })))[0]!
      .headers;

    expect(Object.entries(all)).toEqual([
      ['__proto__', ['x']],
      ['constructor', ['y']],
    ]);
    expect(({} as { x?: unknown })['x']).toBeUndefined();
  });

  it('takes a delay below 0 for none', () => {
    const body = JobMessage.encode({ id: '1', options: { delay: -5 } }).finish();

    expect(new PushReader().readPush(Buffer.from([0x0a, body.length, ...body]))?.delayMs).toBe(0);
  });

  it.each([
    ['large priority', { priority: longOf(2n ** 63n - 1n) }, 'rpc_push: priority 9223372036854775807 is out of range'],
    ['negative priority', { priority: longOf(-(2n ** 63n)) }, 'rpc_push: priority -9223372036854775808 is out of range'],
    ['long delay', { delay: longOf(9_007_199_254_741n) }, 'rpc_push: delay 9007199254741 is out of range'],
  ])('refuses a %s that a number cannot hold', (_, options, message) => {
    const body = JobMessage.encode({ id: '1', options } as never).finish();

    expect(() => new PushReader().readPush(Buffer.from([0x0a, body.length, ...body]))).toThrow(message);
  });

  it.each([
    ['job name', { name: 'x'.repeat(256) }],
    ['pipeline name', { pipeline: 'λ'.repeat(128) }],
    ['id', { id: 'x'.repeat(256) }],
    ['headers', { headers: { a: ['x'.repeat(70_000)] } }],
    ['101 headers', { headers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`h${i}`, ['x']])) }],
    ['headers', { headers: { a: Array.from({ length: 70_000 }, () => '') } }],
  ])('refuses a job whose %s is over the limit', (what, input) => {
    expect(() => new PushReader().readPush(Buffer.from(encodePush(aJob({ id: 'x', ...input }))))).toThrow(what);
  });

  it('reads no further than the first header and the first job over the limit', () => {
    const broken = [0x07];
    const entries = Array.from({ length: 101 }, () => [0x22, 0]).flat();
    const bytes = [0x12, 1, 0x31, ...entries, ...broken];

    expect(() => new PushReader().readPush(Buffer.from([0x0a, 0x80 | (bytes.length & 0x7f), bytes.length >> 7, ...bytes]))).toThrow('101 headers');
    expect(() => new PushReader().readBatch(Buffer.from([0x0a, 0, 0x0a, 0, 0x0a, 0, ...broken]), 2)).toThrow('more jobs than the limit of 2');
  });

  it('gives a job of a batch without an id one of its own', () => {
    const body = JobMessage.encode({ job: 'x' }).finish();

    expect(readAll(Buffer.from([0x0a, body.length, ...body]))[0]?.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('has no job to give for a request without one, or with one that has no id', () => {
    expect([new PushReader().readPush(Buffer.alloc(0)), new PushReader().readPush(Buffer.from([0x0a, 0]))]).toEqual([undefined, undefined]);
  });
});

function attempt<T>(act: () => T): T | Failure {
  try {
    return act();
  } catch (error) {
    return new Failure((error as Error).message);
  }
}

/** Nine bytes that another one follows, and then more than one bit. */
function hasLongVarint(bytes: Uint8Array): boolean {
  return bytes.some((byte, at) => byte > 1 && at >= 9 && bytes.subarray(at - 9, at).every((before) => before >= 0x80));
}

function isFailure(value: unknown): value is Failure {
  return value instanceof Failure;
}

class Failure {
  constructor(readonly message: string) {}
}
