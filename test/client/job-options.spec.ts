import { JobsArgumentError } from '../../lib/contract/errors.js';
import { NO_HEADERS } from '../../lib/contract/job.js';
import { JobOptions, type JobOptionsInput } from '../../lib/client/job-options.js';
import { KafkaOptions, optionsFrom } from '../../lib/client/kafka-options.js';
import { headers } from './support.js';

/** What is set, by name. */
function set(options: JobOptions): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== NO_HEADERS));
}

describe('JobOptions', () => {
  it('has nothing set by default', () => {
    expect(set(JobOptions.defaults)).toEqual({});
    expect(JobOptions.defaults.headers).toBe(NO_HEADERS);
    expect(JobOptions.defaults.toJSON()).toEqual({ priority: 0, delay: 0, auto_ack: false });
  });

  it('keeps what it is given', () => {
    const options = { id: 'a', delay: '42m', priority: 3, autoAck: true, attempts: 5, timeout: '30s', expiresIn: 60 };
    expect(set(new JobOptions({ ...options, headers: { 'x-a': '1', 'x-b': new Set(['1', '2']) } }))).toEqual({
      ...options,
      headers: headers({ 'x-a': ['1'], 'x-b': ['1', '2'] }),
    });
  });

  it('never changes', () => {
    const options = new JobOptions({ headers: { 'x-a': ['1'] } });
    expect(() => Object.assign(options, { priority: 1 })).toThrow(TypeError);
    expect(() => Object.assign(options.headers, { 'x-b': [] })).toThrow(TypeError);
    expect(() => (options.header('x-a') as string[]).push('2')).toThrow(TypeError);
  });

  it('does not follow a Date that changes afterwards', () => {
    const due = new Date(2_000_000_000_000);
    const options = new JobOptions({ delay: due });
    due.setTime(0);
    expect(options.delay).toEqual(new Date(2_000_000_000_000));
  });

  it.each([
    ['withId', 'b', { id: 'b' }],
    ['withDelay', 5, { delay: 5 }],
    ['withDelay', '42m', { delay: '42m' }],
    ['withPriority', 7, { priority: 7 }],
    ['withAutoAck', false, { autoAck: false }],
    ['withAutoAck', undefined, { autoAck: true }],
    ['withAttempts', 2, { attempts: 2 }],
    ['withTimeout', 0.5, { timeout: 0.5 }],
    ['withExpiresIn', '1h', { expiresIn: '1h' }],
  ] as const)('%s(%j) answers a copy', (method, value, changed) => {
    const options = new JobOptions({ headers: { 'x-a': '1' } });
    const copy = (options[method] as (value: unknown) => JobOptions)(value);
    expect(set(copy)).toEqual({ ...set(options), ...changed });
    expect(set(options)).toEqual({ headers: headers({ 'x-a': ['1'] }) });
  });

  it('refuses in a copy what it refuses when it is made', () => {
    expect(() => JobOptions.defaults.withPriority(-1)).toThrow(JobsArgumentError);
  });

  it.each<[string, unknown]>([
    ['options', 5],
    ['options', null],
    ['id', ''],
    ['id', 7],
    ['id', 'x'.repeat(256)],
    ['id', 'ü'.repeat(128)],
    ['delay', -1],
    ['delay', 'soon'],
    ['delay', Number.NaN],
    ['delay', Number.POSITIVE_INFINITY],
    ['delay', new Date(Number.NaN)],
    ['delay', true],
    ['priority', -1],
    ['priority', 1.5],
    ['priority', 2 ** 53],
    ['priority', '1'],
    ['autoAck', 'yes'],
    ['autoAck', 1],
    ['attempts', 0],
    ['attempts', 1.5],
    ['timeout', 0],
    ['timeout', -1],
    ['timeout', new Date()],
    ['expiresIn', -1],
    ['headers', 'x-a'],
    ['headers', [['x-a', '1']]],
  ])('refuses %s = %p and says so', (name, value) => {
    const input = (name === 'options' ? value : { [name]: value }) as JobOptionsInput;
    expect(() => new JobOptions(input)).toThrow(JobsArgumentError);
    expect(() => new JobOptions(input)).toThrow(new RegExp(`^(?:${name}|An? ${name})\\b`));
  });

  it.each([
    { id: 'x'.repeat(255) },
    { id: `${'ü'.repeat(127)}x` },
    { delay: 0 },
    { delay: new Date(0) },
    { priority: 0 },
    { priority: 2 ** 53 - 1 },
    { attempts: 1 },
    { timeout: 0.001 },
    { expiresIn: 0 },
  ])('takes the limit %j', (input) => {
    expect(set(new JobOptions(input))).toEqual(input);
  });
});

describe('JobOptions: headers', () => {
  it('reads, replaces, adds and removes headers as tasks do', () => {
    const options = new JobOptions({ headers: { 'X-A': ['1', '2'], 'x-a': '3' } });
    expect([options.hasHeader('X-A'), options.header('x-a'), options.headerLine('X-A'), options.header('X-a')]).toEqual([true, ['3'], '1,2', []]);
    const copy = options.withHeader('x-a', ['4']).withAddedHeader('X-A', '2').withoutHeader('absent').withAddedHeader('new', ['5', '6']);
    expect(copy.headers).toEqual(headers({ 'X-A': ['1', '2', '2'], 'x-a': ['4'], new: ['5', '6'] }));
    expect(options.headers).toEqual(headers({ 'X-A': ['1', '2'], 'x-a': ['3'] }));
  });

  it('stays the same object when a header to remove is absent', () => {
    expect(JobOptions.defaults.withoutHeader('x')).toBe(JobOptions.defaults);
  });

  it('has no headers again after the last one was removed', () => {
    expect(new JobOptions({ headers: { a: '1' } }).withoutHeader('a').headers).toBe(NO_HEADERS);
  });

  it('keeps a name with an empty list, which counts as absent', () => {
    const options = JobOptions.defaults.withHeader('x-a', []);
    expect(options.headers).toEqual(headers({ 'x-a': [] }));
    expect([options.hasHeader('x-a'), options.headerLine('x-a')]).toEqual([false, '']);
  });

  it('keeps any characters of names and values but line breaks and NUL in names', () => {
    const given = { 'sp ace': ' lead and trail ', имя: 'значение\r\n', 'ключ=1': '' };
    expect(new JobOptions({ headers: given }).headers).toEqual(headers({ 'sp ace': [' lead and trail '], имя: ['значение\r\n'], 'ключ=1': [''] }));
  });

  it('takes __proto__ and constructor for names as any other', () => {
    const given = JSON.parse('{"__proto__":"1","constructor":["2"]}') as Record<string, string>;
    const options = new JobOptions({ headers: given });
    expect([options.headerLine('__proto__'), options.headerLine('constructor')]).toEqual(['1', '2']);
    expect(Object.getPrototypeOf(options.headers)).toBeNull();
    expect(JobOptions.defaults.header('constructor')).toEqual([]);
  });

  it.each([5, null, undefined, true, { a: 1 }, ['1', 2], [undefined], Symbol('s'), 10n])('refuses the value %p and names the header', (wrong) => {
    const value = wrong as unknown as string;
    expect(() => JobOptions.defaults.withHeader('x-tenant', value)).toThrow(JobsArgumentError);
    expect(() => JobOptions.defaults.withAddedHeader('x-tenant', value)).toThrow(/"x-tenant"/);
    expect(() => new JobOptions({ headers: { 'x-tenant': value } })).toThrow(/"x-tenant".*no text/);
  });

  it.each(['', 'a\rb', 'a\nb', 'a\0b', 'x'.repeat(256), 'nrr-attempt', 'nrr-'])('refuses the name %j', (name) => {
    expect(() => JobOptions.defaults.withHeader(name, '1')).toThrow(JobsArgumentError);
    expect(() => JobOptions.defaults.withAddedHeader(name, '1')).toThrow(JobsArgumentError);
    expect(() => new JobOptions({ headers: { [name]: '1' } })).toThrow(JobsArgumentError);
  });

  it('leaves the header attempts to the user', () => {
    expect(new JobOptions({ headers: { attempts: '3' } }).headerLine('attempts')).toBe('3');
  });

  it('takes 100 names and refuses 101', () => {
    const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`h${at}`, '1']));
    const full = new JobOptions({ headers: names(100) });
    expect(Object.keys(full.headers)).toHaveLength(100);
    expect(() => new JobOptions({ headers: names(101) })).toThrow(/101 headers.*100/);
    expect(() => full.withHeader('one-more', '1')).toThrow(/101 headers/);
  });

  it('takes 64 KiB of names and values and refuses a byte more', () => {
    const value = 'x'.repeat(65_536 - 4);
    expect(new JobOptions({ headers: { ab: [value], ü: '' } }).headerLine('ab')).toHaveLength(65_532);
    expect(() => new JobOptions({ headers: { ab: [value], ü: 'x' } })).toThrow(/65537 bytes.*65536/);
  });
});

describe('JobOptions: merge', () => {
  const base = new JobOptions({ delay: 5, priority: 3, autoAck: true, attempts: 4, headers: { 'x-a': '1', 'x-b': '2' } });

  it('takes over what is given and keeps the rest', () => {
    expect(set(base.merge(new JobOptions({ priority: 9, id: 'x' })))).toEqual({ ...set(base), priority: 9, id: 'x' });
  });

  it('counts a given 0 and false', () => {
    expect(set(base.merge({ delay: 0, priority: 0, autoAck: false }))).toMatchObject({ delay: 0, priority: 0, autoAck: false, attempts: 4 });
  });

  it('does not count undefined', () => {
    expect(set(base.merge({ delay: undefined, headers: undefined }))).toEqual(set(base));
  });

  it('takes headers over as a whole, not name by name', () => {
    expect(base.merge({ headers: { 'x-c': '3' } }).headers).toEqual(headers({ 'x-c': ['3'] }));
  });

  it('keeps its headers when the other has none', () => {
    expect(base.merge({ headers: {} }).headers).toEqual(base.headers);
  });

  it('changes neither of the two', () => {
    const other = new JobOptions({ delay: 9 });
    base.merge(other);
    expect([base.delay, other.priority]).toEqual([5, undefined]);
  });

  it('becomes Kafka options when the other ones are', () => {
    const merged = base.merge(new KafkaOptions({ topic: 'orders', partition: 2, delay: 1 }));
    expect(merged).toBeInstanceOf(KafkaOptions);
    expect(set(merged)).toEqual({ ...set(base), delay: 1, topic: 'orders', partition: 2 });
  });

  it('refuses a plain object with a topic instead of dropping the topic', () => {
    expect(() => base.merge({ topic: 'orders' } as JobOptionsInput)).toThrow(/KafkaOptions/);
  });
});

describe('JobOptions: by shape', () => {
  it('takes an object of a class of the user', () => {
    class Urgent {
      readonly priority = 1;
      get delay(): number {
        return 2;
      }
      readonly note = 'not looked at';
    }
    expect(set(optionsFrom(new Urgent()))).toEqual({ priority: 1, delay: 2 });
  });

  it('gives options as they are', () => {
    const options = new JobOptions({ delay: 1 });
    expect(optionsFrom(options)).toBe(options);
    expect(optionsFrom(undefined)).toBe(JobOptions.defaults);
  });

  it('copies with from(), headers included and without the topic', () => {
    const copy = JobOptions.from(new KafkaOptions({ topic: 'orders', delay: 1, headers: { 'x-a': '1' } }));
    expect(set(copy)).toEqual({ delay: 1, headers: headers({ 'x-a': ['1'] }) });
  });
});

describe('JobOptions: toJSON', () => {
  it('writes the names of the wire, seconds rounded up, without headers', () => {
    const options = new JobOptions({ delay: '1500ms', priority: 3, autoAck: true, headers: { a: '1' } });
    expect(JSON.parse(JSON.stringify(options))).toEqual({ priority: 3, delay: 2, auto_ack: true });
  });

  it('counts a moment from the time it is asked', () => {
    expect(new JobOptions({ delay: new Date(0) }).toJSON()).toMatchObject({ delay: 0 });
    expect(new JobOptions({ delay: new Date(Date.now() + 100_000) }).toJSON()['delay']).toBeGreaterThan(90);
  });
});

describe('KafkaOptions', () => {
  const full = { topic: 'orders', metadata: 'trace=abc', offset: 2n ** 60n, partition: 7, delay: 1, priority: 2, autoAck: true };

  it('keeps what it is given', () => {
    expect(set(new KafkaOptions(full))).toEqual(full);
    expect(set(new KafkaOptions({ topic: 'orders' }))).toEqual({ topic: 'orders' });
  });

  it('completes the place with 0, 0 and empty', () => {
    expect(new KafkaOptions({ topic: 'orders' }).place).toEqual({ topic: 'orders', partition: 0, offset: 0n, metadata: '' });
  });

  it.each([
    [0, 0n],
    [2 ** 53 - 1, 9_007_199_254_740_991n],
    [9_007_199_254_740_993n, 9_007_199_254_740_993n],
    [2n ** 63n - 1n, 9_223_372_036_854_775_807n],
  ])('takes the offset %p', (offset, expected) => {
    expect(new KafkaOptions({ topic: 't', offset }).place.offset).toBe(expected);
  });

  it.each<[string, unknown]>([
    ['topic', ''],
    ['topic', 5],
    ['topic', 'x'.repeat(256)],
    ['metadata', 5],
    ['offset', -1],
    ['offset', 1.5],
    ['offset', 2 ** 53],
    ['offset', -1n],
    ['offset', 2n ** 63n],
    ['offset', '1'],
    ['partition', -1],
    ['partition', 2 ** 31],
    ['partition', 0.5],
  ])('refuses %s = %p and says so', (name, value) => {
    expect(() => new KafkaOptions({ topic: 't', [name]: value })).toThrow(JobsArgumentError);
    expect(() => new KafkaOptions({ topic: 't', [name]: value })).toThrow(new RegExp(`^${name} `));
  });

  it.each([
    ['withTopic', 'refunds', { topic: 'refunds' }],
    ['withMetadata', 'm', { metadata: 'm' }],
    ['withOffset', 5, { offset: 5 }],
    ['withPartition', 1, { partition: 1 }],
    ['withDelay', 9, { delay: 9 }],
    ['withPriority', 9, { priority: 9 }],
    ['withAutoAck', false, { autoAck: false }],
  ] as const)('%s(%j) answers Kafka options', (method, value, changed) => {
    const options = new KafkaOptions(full);
    const copy = (options[method] as (value: unknown) => KafkaOptions)(value);
    expect(copy).toBeInstanceOf(KafkaOptions);
    expect(set(copy)).toEqual({ ...full, ...changed });
    expect(set(options)).toEqual(full);
  });

  it('never changes', () => {
    expect(() => Object.assign(new KafkaOptions(full), { topic: 'other' })).toThrow(TypeError);
  });

  it('copies from anything; without a topic it takes "default"', () => {
    expect(set(KafkaOptions.from(new JobOptions({ delay: 3, headers: { a: '1' } })))).toEqual({
      topic: 'default',
      delay: 3,
      headers: headers({ a: ['1'] }),
    });
    expect(set(KafkaOptions.from(new KafkaOptions(full)))).toEqual(full);
  });

  it('stays Kafka options when plain ones are merged in', () => {
    const merged = new KafkaOptions(full).merge({ priority: 0 });
    expect(merged).toBeInstanceOf(KafkaOptions);
    expect(set(merged)).toEqual({ ...full, priority: 0 });
  });

  it('always takes the topic of other Kafka options, the rest when it is given', () => {
    expect(set(new KafkaOptions(full).merge(new KafkaOptions({ topic: 'refunds' })))).toEqual({ ...full, topic: 'refunds' });
    expect(set(new KafkaOptions(full).merge({ topic: 'refunds', partition: 0 } as JobOptionsInput))).toEqual({
      ...full,
      topic: 'refunds',
      partition: 0,
    });
  });

  it('writes the names of the wire; an offset beyond 2^53 as text', () => {
    expect(JSON.parse(JSON.stringify(new KafkaOptions(full)))).toEqual({
      priority: 2,
      delay: 1,
      auto_ack: true,
      topic: 'orders',
      metadata: 'trace=abc',
      offset: '1152921504606846976',
      partition: 7,
    });
    expect(new KafkaOptions({ topic: 't', offset: 5n }).toJSON()['offset']).toBe(5);
  });
});
