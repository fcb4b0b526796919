import { readKernelOptions } from '../../lib/config/settings.js';
import { JobsConfigError } from '../../lib/contract/errors.js';
import { issuesOf } from './support.js';

const memory = { driver: 'memory' };

describe('readKernelOptions', () => {
  it.each([[undefined], [{}]])('fills in every default for %p', (input) => {
    expect(readKernelOptions(input)).toEqual({
      settings: {
        numPollers: 64,
        timeoutMs: 60_000,
        pipelineSize: 1_000_000,
        maxBytes: 268_435_456,
        maxPayloadBytes: 16_777_216,
        maxCrashes: 3,
        graceMs: 1_000,
        retry: {},
        failed: { count: 10_000, ageMs: 604_800_000 },
        shutdown: { timeoutMs: 25_000, graceMs: 1_000 },
        dataDir: '.nrr',
      },
      declarations: [],
      consume: undefined,
      pools: new Map(),
    });
  });

  it('converts every unit', () => {
    const { settings } = readKernelOptions({
      numPollers: 8,
      timeout: '500ms',
      pipelineSize: 10,
      maxBytes: 1_024,
      maxPayload: 512,
      maxCrashes: 1,
      grace: 2.5,
      retry: { attempts: 5, backoff: { type: 'fixed', delay: '2s' }, onFailure: 'queue:dead' },
      failed: { store: 'embedded', count: 5, age: '1h30m' },
      shutdown: { timeout: '1m', grace: 0 },
      dataDir: '/var/lib/jobs',
    });
    expect(settings).toEqual({
      numPollers: 8,
      timeoutMs: 500,
      pipelineSize: 10,
      maxBytes: 1_024,
      maxPayloadBytes: 512,
      maxCrashes: 1,
      graceMs: 2_500,
      retry: { attempts: 5, backoff: { type: 'fixed', delay: '2s' }, onFailure: 'queue:dead' },
      failed: { store: 'embedded', count: 5, ageMs: 5_400_000 },
      shutdown: { timeoutMs: 60_000, graceMs: 0 },
      dataDir: '/var/lib/jobs',
    });
  });

  it('reads numbers that are text, as environment variables are', () => {
    const { settings } = readKernelOptions({ numPollers: '8', timeout: '30', failed: { count: ' 12 ' } });
    expect([settings.numPollers, settings.timeoutMs, settings.failed.count]).toEqual([8, 30_000, 12]);
  });

  it('takes a timeout of 0: refuse at once', () => {
    expect(readKernelOptions({ timeout: 0 }).settings.timeoutMs).toBe(0);
  });

  it('takes a key that is undefined for absent', () => {
    expect(readKernelOptions({ numPollers: undefined, failed: { count: undefined }, consume: undefined }).settings.numPollers).toBe(64);
  });

  it('keeps a backoff function', () => {
    const retry = { backoff: (attempt: number) => attempt * 2 };
    expect(readKernelOptions({ retry }).settings.retry.backoff).toBe(retry.backoff);
  });

  it('tells everything that is wrong at once, each with its path', () => {
    const issues = issuesOf(() =>
      readKernelOptions({
        numPollers: 0,
        timeout: -1,
        pipelineSize: 1.5,
        maxBytes: 'lots',
        grace: 'soon',
        retry: { attempts: 0, backoff: { type: 'linear', delay: -2 }, onFailure: 'queue:' },
        failed: { store: 'redis', age: 0 },
        shutdown: 25,
        consume: ['nowhere'],
        pipelines: { emails: { driver: 'memory', concurrency: 0, config: { priority: 'high', timeout: 0 } }, reports: {} },
      }),
    );
    expect(Object.keys(issues).sort()).toEqual([
      'consume[0]',
      'failed.age',
      'failed.store',
      'grace',
      'maxBytes',
      'numPollers',
      'pipelineSize',
      'pipelines.emails.concurrency',
      'pipelines.emails.config.priority',
      'pipelines.emails.config.timeout',
      'pipelines.reports.driver',
      'retry.attempts',
      'retry.backoff.delay',
      'retry.backoff.type',
      'retry.onFailure',
      'shutdown',
      'timeout',
    ]);
  });

  it('names value, form and range in the message', () => {
    const issues = issuesOf(() => readKernelOptions({ numPollers: -3, timeout: 'soon', failed: { store: 'redis' }, shutdown: 25 }));
    expect(issues).toEqual({
      numPollers: '-3 is not allowed. Give a whole number of jobs, 1 or more (default 64).',
      timeout: '"soon" is not allowed. Give a number of seconds or a duration text such as "90s" or "1h30m", 0 or more.',
      'failed.store': '"redis" is not allowed. Give one of "memory", "embedded".',
      shutdown: '25 is not allowed. Give an object with some of the keys timeout, grace.',
    });
  });

  it('puts paths and messages into the text of the error', () => {
    const options = { numPollers: -3, maxCrashes: 0 };
    expect(() => readKernelOptions(options)).toThrow(JobsConfigError);
    expect(() => readKernelOptions(options)).toThrow(/numPollers: -3 is not allowed\..*\n.*maxCrashes: 0 is not allowed\./);
  });

  it('suggests the option that a misspelt key was meant to be, at every depth', () => {
    const issues = issuesOf(() =>
      readKernelOptions({ num_pollers: 3, shutdown: { timeuot: 1 }, retry: { backoff: { jiter: 'none' } }, failed: { colour: 'red' } }),
    );
    expect(issues).toEqual({
      num_pollers: 'There is no option "num_pollers". Did you mean "numPollers"?',
      'shutdown.timeuot': 'There is no option "timeuot". Did you mean "timeout"?',
      'retry.backoff.jiter': 'There is no option "jiter". Did you mean "jitter"?',
      'failed.colour': 'There is no option "colour". Remove it, or use one of: store, count, age.',
    });
  });

  it('refuses keys that every object inherits like any other unknown key', () => {
    const input: unknown = JSON.parse('{"__proto__": {"numPollers": 1}, "constructor": 1, "shutdown": {"toString": 2}}');
    expect(Object.keys(issuesOf(() => readKernelOptions(input))).sort()).toEqual(['__proto__', 'constructor', 'shutdown.toString']);
  });

  it.each([[null], [[]], ['memory'], [42], [new Map([['numPollers', 1]])]])('refuses %p in place of options', (input) => {
    expect(issuesOf(() => readKernelOptions(input)).options).toMatch(/is not allowed\. Give an object/);
  });

  describe('dataDir', () => {
    const before = process.env['NRR_DATA_DIR'];
    afterEach(() => {
      if (before === undefined) delete process.env['NRR_DATA_DIR'];
      else process.env['NRR_DATA_DIR'] = before;
    });

    it('is that of the environment, where an empty one is none', () => {
      process.env['NRR_DATA_DIR'] = '/var/lib/jobs';
      expect(readKernelOptions({}).settings.dataDir).toBe('/var/lib/jobs');
      process.env['NRR_DATA_DIR'] = '';
      expect(readKernelOptions({}).settings.dataDir).toBe('.nrr');
    });

    it('is refused when it is empty: files would lie in the working directory itself', () => {
      expect(issuesOf(() => readKernelOptions({ dataDir: '' }))).toEqual({ dataDir: '"" is not allowed. Give the path of a folder.' });
    });
  });

  it('never shows what an object holds', () => {
    expect(() => readKernelOptions({ numPollers: { password: 'hunter2' }, timeout: ['hunter2'] })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') as string }),
    );
  });

  describe('pipelines', () => {
    it('become declarations in the order given, their options untouched', () => {
      const { declarations } = readKernelOptions({
        pipelines: { b: { driver: 'memory', maxJobs: '5', config: { prefetch: 3 } }, a: { driver: 'amqp', queue: 'x' } },
      });
      expect(declarations).toEqual([
        { name: 'b', driver: 'memory', maxJobs: '5', config: { prefetch: 3 } },
        { name: 'a', driver: 'amqp', queue: 'x' },
      ]);
    });

    it.each(['a.b', 'Emails', 'ünï cødé 🚀', 'x'.repeat(255), '*', ' '])('keep the name %p', (name) => {
      expect(readKernelOptions({ pipelines: { [name]: memory } }).declarations[0]?.name).toBe(name);
    });

    it.each(['', 'x'.repeat(256), '🚀'.repeat(64), 'half \ud83d'])('refuse the name %p, which has no 1 to 255 bytes', (name) => {
      expect(() => readKernelOptions({ pipelines: { [name]: memory } })).toThrow(/Give a name of 1 to 255 bytes/);
    });

    it('take names that every object inherits as data and pollute nothing', () => {
      const input: unknown = JSON.parse(
        `{"pipelines": {
          "__proto__": {"driver": "memory", "polluted": true},
          "constructor": {"driver": "memory"},
          "a": {"driver": "memory", "__proto__": {"polluted": true}}
        }, "consume": ["__proto__", "constructor"]}`,
      );
      const { declarations, consume } = readKernelOptions(input);
      expect(declarations.map(({ name }) => name)).toEqual(['__proto__', 'constructor', 'a']);
      expect(consume).toEqual(['__proto__', 'constructor']);
      expect(Object.getPrototypeOf(declarations[2])).toBe(Object.prototype);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    });

    it('need a driver and a section', () => {
      expect(issuesOf(() => readKernelOptions({ pipelines: { a: {}, b: { driver: '' }, c: 'memory', 'd.e': { driver: 1 } } }))).toEqual({
        'pipelines.a.driver': 'undefined is not allowed. Give the name of a driver, such as "memory".',
        'pipelines.b.driver': '"" is not allowed. Give the name of a driver, such as "memory".',
        'pipelines.c': '"memory" is not allowed. Give an object with "driver" and the options of the driver.',
        'pipelines["d.e"].driver': '1 is not allowed. Give the name of a driver, such as "memory".',
      });
    });

    it('refuse to be a list', () => {
      expect(issuesOf(() => readKernelOptions({ pipelines: [memory] })).pipelines).toMatch(/^An array is not allowed/);
    });

    it('refuse a name that differs from the key, and take one that repeats it', () => {
      expect(issuesOf(() => readKernelOptions({ pipelines: { a: { ...memory, name: 'b' } } }))).toEqual({
        'pipelines.a.name': '"b" differs from the key "a", which names the pipeline. Remove it.',
      });
      expect(readKernelOptions({ pipelines: { a: { ...memory, name: 'a' } } }).declarations).toHaveLength(1);
    });
  });

  describe('consume', () => {
    it('lists each name once, in the order given', () => {
      expect(readKernelOptions({ pipelines: { a: memory, b: memory }, consume: ['b', 'a', 'b'] }).consume).toEqual(['b', 'a']);
    });

    it('may be empty: push only', () => {
      expect(readKernelOptions({ pipelines: { a: memory }, consume: [] }).consume).toEqual([]);
    });

    it('refuses a name that no pipeline has, and suggests one', () => {
      const remedy = 'Configure it under "pipelines", or write { name, declaredLater: true } if it is declared at run time.';
      expect(issuesOf(() => readKernelOptions({ pipelines: { emails: memory }, consume: ['emails', 'email', 'zebra'] }))).toEqual({
        'consume[1]': `No pipeline is called "email". Did you mean "emails"? ${remedy}`,
        'consume[2]': `No pipeline is called "zebra". ${remedy}`,
      });
    });

    it('takes an unknown name that is declared later', () => {
      expect(readKernelOptions({ consume: [{ name: 'tenant-1', declaredLater: true }] }).consume).toEqual(['tenant-1']);
      expect(() => readKernelOptions({ consume: [{ name: 'tenant-1' }] })).toThrow(/No pipeline is called "tenant-1"/);
    });

    it('refuses what is no name', () => {
      expect(issuesOf(() => readKernelOptions({ consume: [1, { nam: 'a' }] }))).toEqual({
        'consume[0]': '1 is not allowed. Give the name of a pipeline.',
        'consume[1].name': 'It is missing. Give it a value.',
        'consume[1].nam': 'There is no option "nam". Did you mean "name"?',
      });
      expect(issuesOf(() => readKernelOptions({ consume: 'emails' })).consume).toMatch(/"emails" is not allowed. Give a list/);
    });
  });
});
