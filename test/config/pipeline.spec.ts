import { readDeclaration } from '../../lib/config/declaration.js';
import { readPipeline } from '../../lib/config/pipeline.js';
import type { OptionSpec } from '../../lib/contract/option-spec.js';
import { issuesOf } from './support.js';

const specs: readonly OptionSpec[] = [
  { name: 'prefetch', key: 'prefetch', type: 'integer', unit: 'jobs', min: 1, max: 65_535, default: 10, meaning: 'Jobs lent at once.' },
  { name: 'maxJobs', key: 'max_jobs', type: 'integer', min: 1, meaning: 'Jobs held.' },
  { name: 'waitTimeSeconds', key: 'wait_time_seconds', declareKey: 'wait_time', type: 'integer', min: 0, max: 20, meaning: 'Long polling.' },
  { name: 'queue', key: 'queue', type: 'text', default: 'default', meaning: 'The name at the broker.' },
  { name: 'exchangeType', key: 'exchange_type', type: 'text', oneOf: ['direct', 'fanout'], meaning: 'The kind of exchange.' },
  { name: 'durable', key: 'durable', type: 'boolean', default: false, meaning: 'Survives a restart of the broker.' },
  { name: 'queueHeaders', key: 'queue_headers', type: 'map', meaning: 'Arguments.' },
];
const base = { retry: {} };

const read = (options: Record<string, unknown>, using: readonly OptionSpec[] = specs) =>
  readPipeline({ name: 'emails', driver: 'amqp', ...options }, using, base).settings;
const wrong = (options: Record<string, unknown>) => issuesOf(() => read(options));

describe('readPipeline', () => {
  it('fills in the defaults of pipeline and driver', () => {
    expect(readPipeline({ name: 'emails', driver: 'amqp' }, specs, base)).toEqual({
      settings: {
        name: 'emails',
        driver: 'amqp',
        priority: 10,
        prefetch: 10,
        concurrency: undefined,
        timeoutMs: undefined,
        retry: {},
        options: { prefetch: 10, queue: 'default', durable: false },
      },
      ignored: [],
    });
  });

  const expected = {
    name: 'emails',
    driver: 'amqp',
    priority: 5,
    prefetch: 20,
    concurrency: 4,
    timeoutMs: 90_000,
    retry: { attempts: 7, backoff: { type: 'fixed', delay: 2 }, onFailure: 'queue:dead' },
    options: {
      prefetch: 20,
      maxJobs: 30,
      waitTimeSeconds: 15,
      queue: 'mail',
      exchangeType: 'fanout',
      durable: true,
      queueHeaders: { 'x-max-priority': 10 },
    },
  };
  const camelCase = {
    priority: 5,
    concurrency: 4,
    timeout: '90s',
    attempts: 7,
    backoff: { type: 'fixed', delay: 2 },
    onFailure: 'queue:dead',
    prefetch: 20,
    maxJobs: 30,
    waitTimeSeconds: 15,
    queue: 'mail',
    exchangeType: 'fanout',
    durable: true,
    queueHeaders: { 'x-max-priority': 10 },
  };
  const yaml = {
    priority: '5',
    concurrency: 4,
    timeout: 90,
    attempts: '7',
    backoff: { type: 'fixed', delay: 2 },
    on_failure: 'queue:dead',
    prefetch: '20',
    max_jobs: 30,
    wait_time_seconds: 15,
    queue: 'mail',
    exchange_type: 'fanout',
    durable: true,
    queue_headers: { 'x-max-priority': 10 },
  };
  const declareMap = {
    priority: '5',
    concurrency: '4',
    timeout: '90',
    attempts: '7',
    backoff: '{"type":"fixed","delay":2}',
    on_failure: 'queue:dead',
    prefetch: '20',
    max_jobs: '30',
    wait_time: '15',
    queue: 'mail',
    exchange_type: 'fanout',
    durable: 'true',
    queue_headers: '{"x-max-priority":10}',
  };

  it.each([
    ['camelCase', camelCase],
    ['camelCase under config', { config: camelCase }],
    ['the keys of .rr.yaml', yaml],
    ['the keys of .rr.yaml under config', { config: yaml }],
    ['the text of a Declare map', declareMap],
  ])('reads %s', (_form, options) => {
    expect(read(options)).toEqual(expected);
  });

  it('prefers the key of the pipeline to the one under config', () => {
    const { prefetch, priority, options } = read({ prefetch: 1, config: { prefetch: 2, priority: 3, maxJobs: 4 }, max_jobs: 5 });
    expect([prefetch, priority, options.maxJobs]).toEqual([1, 3, 5]);
  });

  it('reads only what the pipeline itself has, not what it inherits', () => {
    expect(read({ config: Object.create({ prefetch: 5 }) as object }).prefetch).toBe(10);
  });

  it('refuses two spellings of one option side by side', () => {
    expect(wrong({ maxJobs: 1, max_jobs: 2 })).toEqual({
      'pipelines.emails.max_jobs': '"maxJobs" and "max_jobs" are the same option. Keep one of them.',
    });
  });

  it.each([[undefined], [null], [{}]])('takes %p as an empty config', (config) => {
    expect(read({ config }).prefetch).toBe(10);
  });

  it('refuses a config that is no object', () => {
    expect(wrong({ config: 'prefetch=1' })).toEqual({
      'pipelines.emails.config': '"prefetch=1" is not allowed. Give an object with the options of the driver.',
    });
  });

  describe('prefetch', () => {
    it.each([0, '0'])('takes %p for the default, as RoadRunner does', (prefetch) => {
      expect(read({ prefetch })).toMatchObject({ prefetch: 10, options: { prefetch: 10 } });
    });

    it('is 100,000 when the driver declares none', () => {
      expect(read({}, []).prefetch).toBe(100_000);
    });

    it.each([
      [-5, '-5'],
      ['x', '"x"'],
      ['', '""'],
      ['1e3', '"1e3"'],
      [1.5, '1.5'],
      [65_536, '65536'],
      [null, 'null'],
      [true, 'true'],
    ])('refuses %p by path, value and range', (prefetch, shown) => {
      const message = `${shown} is not allowed. Give a whole number of jobs from 1 to 65535 (default 10).`;
      expect(wrong({ prefetch })).toEqual({ 'pipelines.emails.prefetch': message });
      expect(wrong({ config: { prefetch } })).toEqual({ 'pipelines.emails.config.prefetch': message });
    });
  });

  describe('priority', () => {
    it.each([
      [0, 10],
      ['0', 10],
      [1, 1],
      [-3, -3],
      ['-3', -3],
      ['+7', 7],
      [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ])('%p is %p', (priority, result) => {
      expect(read({ priority }).priority).toBe(result);
    });

    it.each(['high', '9223372036854775807', 1.5, Infinity, 10n])('refuses %p', (priority) => {
      expect(wrong({ priority })['pipelines.emails.priority']).toMatch(/is not allowed\. Give a whole number \(default 10\)\./);
    });

    it('stays with the pipeline when a driver declares it, too', () => {
      const { priority, options } = read({ priority: 4 }, [{ name: 'priority', key: 'priority', type: 'integer', meaning: 'x' }]);
      expect([priority, options]).toEqual([4, {}]);
    });
  });

  it.each([
    ['concurrency', 0],
    ['concurrency', 'many'],
    ['timeout', 0],
    ['timeout', 'soon'],
    ['attempts', 0],
    ['backoff', 5],
    ['onFailure', 'explode'],
    ['on_failure', 'explode'],
    ['maxJobs', 0],
    ['max_jobs', 'x'],
    ['waitTimeSeconds', 21],
    ['queue', 7],
    ['exchangeType', 'topics'],
    ['durable', 'yes'],
    ['durable', 1],
    ['queueHeaders', '[1]'],
    ['queueHeaders', 'a=b'],
  ])('refuses %s: %p', (key, value) => {
    expect(Object.keys(wrong({ [key]: value }))).toEqual([`pipelines.emails.${key}`]);
  });

  it('tells everything that is wrong at once', () => {
    expect(Object.keys(wrong({ prefetch: -1, concurrency: 0, colour: 'red', config: { durable: 'yes', attempts: 0 } })).sort()).toEqual([
      'pipelines.emails.colour',
      'pipelines.emails.concurrency',
      'pipelines.emails.config.attempts',
      'pipelines.emails.config.durable',
      'pipelines.emails.prefetch',
    ]);
  });

  it('takes an empty text for the default of a text option', () => {
    expect(read({ queue: '' }).options.queue).toBe('default');
  });

  it('reads the empty list that PHP writes for an empty map', () => {
    expect(read({ queue_headers: '[]' }).options.queueHeaders).toEqual({});
  });

  it('keeps a map with the key __proto__ and pollutes nothing', () => {
    const headers = read({ queue_headers: '{"__proto__": {"polluted": true}}' }).options.queueHeaders as object;
    expect(Object.keys(headers)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('refuses the queue itself as the place of its failed jobs', () => {
    expect(wrong({ onFailure: 'queue:emails' })).toEqual({
      'pipelines.emails.onFailure':
        '"queue:emails" is the queue that the failed jobs come from: they would run for ever. Name another queue, or give "store".',
    });
  });

  it('takes what the pipeline leaves open from the kernel', () => {
    const retry = { attempts: 2, backoff: (attempt: number) => attempt, onFailure: 'drop' } as const;
    expect(readPipeline({ name: 'a', driver: 'x', attempts: 9 }, [], { retry }).settings.retry).toEqual({ ...retry, attempts: 9 });
  });

  describe('unknown keys', () => {
    it('are errors with a suggestion', () => {
      expect(wrong({ prefech: 1, maxjob: 2, config: { exchange_typ: 'x', driver: 'y' }, __proto: 1 })).toEqual({
        'pipelines.emails.prefech': 'There is no option "prefech". Did you mean "prefetch"?',
        'pipelines.emails.maxjob': 'There is no option "maxjob". Did you mean "maxJobs"?',
        'pipelines.emails.config.exchange_typ': 'There is no option "exchange_typ". Did you mean "exchangeType"?',
        'pipelines.emails.config.driver': expect.stringMatching(/^There is no option "driver". Remove it, or use one of: priority, /) as string,
        'pipelines.emails.__proto': expect.stringMatching(/^There is no option "__proto"/) as string,
      });
    });

    it('are errors also when every object inherits them', () => {
      const options = JSON.parse('{"constructor": 1, "__proto__": 2, "config": {"toString": 3}}') as Record<string, unknown>;
      expect(Object.keys(wrong(options)).sort()).toEqual([
        'pipelines.emails.__proto__',
        'pipelines.emails.config.toString',
        'pipelines.emails.constructor',
      ]);
    });

    it('are listed and nothing more when the reading is lenient', () => {
      const declaration = { name: 'emails', driver: 'amqp', prefetch: '7', consume_all: 'false', config: { tube: 'x' } };
      const { settings, ignored } = readPipeline(declaration, specs, base, { lenient: true });
      expect([settings.prefetch, ignored.map(({ key }) => key)]).toEqual([7, ['consume_all', 'config.tube']]);
    });

    it('do not excuse wrong values when the reading is lenient', () => {
      const declaration = { name: 'emails', driver: 'amqp', prefetch: 'x', consume_all: 'false' };
      expect(Object.keys(issuesOf(() => readPipeline(declaration, specs, base, { lenient: true })))).toEqual(['pipelines.emails.prefetch']);
    });
  });

  it('begins each path where the caller says', () => {
    const declaration = { name: 'emails', driver: 'amqp', config: { prefetch: -1 } };
    expect(Object.keys(issuesOf(() => readPipeline(declaration, specs, base, { path: 'declare' })))).toEqual(['declare.config.prefetch']);
  });

  it('quotes a name in the path that is no plain word', () => {
    expect(Object.keys(issuesOf(() => readPipeline({ name: 'a.b', driver: 'x', prefetch: 1 }, [], base)))).toEqual(['pipelines["a.b"].prefetch']);
  });
});

describe('readDeclaration', () => {
  it('keeps name, driver and options', () => {
    const map = { name: 'declared', driver: 'memory', priority: '7', prefetch: '25' };
    expect(readDeclaration(map)).toEqual(map);
  });

  it.each([[{ queue: 'q', driver: 'memory' }], [{ name: '', queue: 'q', driver: 'memory' }]])('takes the name from the queue of %j', (map) => {
    expect(readDeclaration(map)).toEqual({ name: 'q', queue: 'q', driver: 'memory' });
  });

  it('does not count the queue that named it as an option of the driver', () => {
    expect(readPipeline(readDeclaration({ queue: 'q', driver: 'memory' }), [], base).settings.name).toBe('q');
    expect(() => readPipeline(readDeclaration({ name: 'p', queue: 'q', driver: 'memory' }), [], base)).toThrow(/no option "queue"/);
  });

  it('hands the queue that named it to a driver that has such an option', () => {
    expect(readPipeline(readDeclaration({ queue: 'q', driver: 'amqp' }), specs, base).settings.options.queue).toBe('q');
  });

  it.each([
    [null, ['pipeline']],
    ['memory', ['pipeline']],
    [{}, ['pipeline.driver', 'pipeline.name']],
    [{ name: 'a', driver: '' }, ['pipeline.driver']],
    [{ name: 5, driver: 'memory' }, ['pipeline.name']],
    [{ name: 'x'.repeat(256), driver: 'memory' }, ['pipeline.name']],
  ])('refuses %j', (input, paths) => {
    expect(Object.keys(issuesOf(() => readDeclaration(input)))).toEqual(paths);
  });
});
