import * as fc from 'fast-check';
import { describeConfigIssue, JobsConfigError, type ConfigIssue } from '../../lib/contract/errors.js';
import { interpolate } from '../../lib/config/rr-yaml/interpolate.js';
import { plainScalar } from '../../lib/config/rr-yaml/plain-scalar.js';
import { readRrYaml, type ReadRrYamlOptions, type RrConfiguration } from '../../lib/config/rr-yaml/read-rr-yaml.js';
import { fixture } from './rr-yaml-fixtures.js';
import { options as memoryOptions } from '../../lib/drivers/memory.driver.js';

const drivers = new Map([['memory', memoryOptions]]);
const MEBIBYTE = 1024 * 1024;

/** Reads lines behind the version. */
function read(text: string, options: Partial<ReadRrYamlOptions> = {}): RrConfiguration {
  return readRrYaml(`version: "3"\n${text}`, { environment: {}, drivers, ...options });
}

function lines(issues: readonly ConfigIssue[]): string[] {
  return issues.map(describeConfigIssue);
}

function errors(text: string, options: Partial<ReadRrYamlOptions> = {}): string[] {
  try {
    read(text, options);
  } catch (error) {
    if (!(error instanceof JobsConfigError)) throw error;
    return lines(error.issues);
  }
  throw new Error('The file was accepted.');
}

function warnings(text: string, options: Partial<ReadRrYamlOptions> = {}): string[] {
  return lines(read(text, options).warnings);
}

/** Processor time: what else the machine does is not in it. Unit: milliseconds. */
function millisecondsOf(call: () => unknown): number {
  const start = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

describe('references', () => {
  const environment = { A: 'va', EMPTY: '', REF: '$A', 'B:=d': 'odd' };

  it.each([
    ['$A', 'va'],
    ['${A}', 'va'],
    ['${A:-d}', 'va'],
    ['${NONE:-d}', 'd'],
    ['${EMPTY:-d}', 'd'],
    ['${NONE}', ''],
    ['${A}-${NONE:-b}', 'va-b'],
    ['${NONE:-b}-${A}', 'b-va'],
    ['${NONE:-a:-b}', 'a:-b'],
    ['${NONE:-${A}}', '${A}'],
    ['${B:=d}', 'odd'],
    ['$REF', '$A'],
    ['$A.txt $AB', 'va.txt '],
    ['cost $$ ${}', 'cost  '],
    ['$1x ${1}', 'x '],
    ['5$ and $', '5$ and $'],
    ['a ${A', 'a A'],
    ['$__proto__ ${constructor} ${toString:-x}', '  x'],
    ['ü$A€', 'üva€'],
  ])('%p becomes %p', (text, result) => {
    expect(interpolate(text, environment)).toBe(result);
  });

  it.each(['${', '$', '${A:-', '$A', '}${'])('are read in linear time: 64 KiB of %p', (part) => {
    const text = part.repeat(Math.ceil((64 * 1024) / part.length));
    expect(millisecondsOf(() => interpolate(text, { A: 'x' }))).toBeLessThan(1_000);
  });

  it('give text, which options take as numbers, durations and flags', () => {
    const { pool } = read('jobs: { pool: { num_workers: "${N}", debug: "$D", allocate_timeout: "${T}" } }\nserver: { command: a }', {
      environment: { N: '3', D: 'false', T: '2s' },
    });
    expect(pool).toMatchObject({ numWorkers: 3, debug: false, allocateTimeoutMs: 2_000 });
  });
});

describe('texts without quotes', () => {
  it.each([
    ['~', null],
    ['', null],
    ['Null', null],
    ['TRUE', true],
    ['yes', 'yes'],
    ['0755', 493],
    ['0o17', 15],
    ['0x1F', 31],
    ['0b101', 5],
    ['-12', -12],
    ['1_000', 1_000],
    ['08', 8],
    ['1e3', 1_000],
    ['-.5', -0.5],
    ['9007199254740993', '9007199254740993'],
    ['12:30:45', '12:30:45'],
    ['2024-05-17', '2024-05-17'],
    ['0x', '0x'],
    ['.inf', undefined],
    ['-.INF', undefined],
    ['.nan', undefined],
  ])('%p is %p', (text, value) => {
    expect(plainScalar(text)).toBe(value);
  });
});

describe('YAML that is meant to hurt', () => {
  const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x]', ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]`)];
  const wide = `big: &big { ${Array.from({ length: 50 }, (_, i) => `k${i}: 1`).join(', ')} }`;

  it.each([
    ['a billion laughs', bomb.join('\n'), 'values when its aliases are replaced'],
    ['20,000 merged aliases', `${wide}\nall:\n  <<: [${'*big, '.repeat(20_000)}]`, 'values when its aliases are replaced'],
    ['20,000 merge keys', `${wide}\nall:\n${'  <<: *big\n'.repeat(20_000)}`, 'The key stands twice'],
    ['an alias inside its own anchor', 'a: &a [*a]', 'levels deep'],
    ['a map that merges itself', 'a: &a\n  <<: *a', 'levels deep'],
    ['brackets without end', `a: ${'['.repeat(20_000)}`, 'The YAML cannot be read'],
    ['100 levels', `a: ${'['.repeat(100)}${']'.repeat(100)}`, 'levels deep'],
    ['a key of 2,000 characters', `? ${'k'.repeat(2_000)}\n: 1`, 'characters'],
  ])('is refused early: %s', (_, text, message) => {
    let found: string[] = [];
    // Under a second on a quiet machine; unbounded it would take minutes.
    expect(millisecondsOf(() => (found = errors(text)))).toBeLessThan(3_000);
    expect(found).toEqual([expect.stringContaining(message)]);
  });

  it('is refused by size before it is parsed', () => {
    expect(errors(`# ${'x'.repeat(MEBIBYTE)}`)).toEqual([expect.stringContaining('At most 1048576 are read')]);
  });

  it.each([
    ['!!js/function', 'a: !!js/function x', 'The tag "!!js/function" is not allowed'],
    ['!own', 'a: !own [1]', 'The tag "!own" is not allowed'],
  ])('is refused for the tag %s', (_, text, message) => {
    expect(errors(text)).toEqual([expect.stringContaining(message)]);
  });

  it('is refused for a second document and for an unknown alias', () => {
    expect(errors('a: 1\n---\nb: 2')).toEqual([expect.stringContaining('.rr.yaml:3')]);
    expect(errors('a: *b')).toEqual(['.rr.yaml:2 a: No anchor is called "b" above this line.']);
  });

  it('changes no prototype', () => {
    const text = '__proto__: { polluted: 1 }\nx: { constructor: { prototype: { polluted: 1 } } }\njobs: { __proto__: { consume: [a] } }';
    const { kernel, resolved } = read(text, { overrides: ['__proto__.polluted=1', 'constructor.prototype.polluted=1'] });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect([kernel.consume, Object.getPrototypeOf(resolved)]).toEqual([[], null]);
  });

  it('takes __proto__ as the name of a pipeline', () => {
    const { pipelines } = read('jobs: { pipelines: { __proto__: { driver: memory } } }').kernel;
    expect(Object.keys(pipelines ?? {})).toEqual(['__proto__']);
  });
});

describe('any text', () => {
  /** The name of the error that reading throws; nothing when it is taken. */
  function errorOf(text: string): string | undefined {
    try {
      readRrYaml(text, { environment: {}, drivers, services: ['custom'] });
      return undefined;
    } catch (error) {
      return (error as Error).name;
    }
  }

  it('is taken or refused with its place, at every fifth place where a file is cut', () => {
    const text = `${fixture('02-full.rr.yaml')}\n${fixture('64-yaml-anchors.rr.yaml')}`;
    const thrown = new Set(Array.from({ length: text.length / 5 }, (_, part) => errorOf(text.slice(0, part * 5))));
    expect(thrown).toEqual(new Set([undefined, 'JobsConfigError']));
  });

  it('is taken or refused with its place, whatever stands in the sections', () => {
    const keys = fc.constantFrom(
      'rpc',
      'server',
      'logs',
      'jobs',
      'pool',
      'pools',
      'pipelines',
      'consume',
      'a.b',
      'driver',
      'config',
      'env',
      'retry',
      'kafka',
      '__proto__',
      'include',
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, 0, -1, 1.5, true, '', 'memory', '$A', '${'),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(keys, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const sections = fc.dictionary(keys, tree);
    fc.assert(
      fc.property(sections, (file) => expect([undefined, 'JobsConfigError']).toContain(errorOf(JSON.stringify({ ...file, version: '3' })))),
      { numRuns: 300 },
    );
  });
});

describe('what is wrong', () => {
  it('is told all at once, with file, line and path', () => {
    const text =
      'rpc:\n  listen: 6001\njobs:\n  timeout: -1\n  pool:\n    num_workers: 501\n    supervisor:\n      ttl: 5\n  pipelines:\n    a.b:\n      driver: memory\n      config:\n        prefetch: x';
    expect(errors(text, { file: 'conf/.rr.yaml' })).toEqual([
      'conf/.rr.yaml:14 jobs.pipelines["a.b"].config.prefetch: "x" is not allowed. Give a whole number of jobs, 1 or more (default 100000).',
      'conf/.rr.yaml:7 jobs.pool.num_workers: 501 is not allowed. Give a whole number of workers from 0 to 500 (default 0).',
      'conf/.rr.yaml:9 jobs.pool.supervisor.ttl: A number without a unit counts nanoseconds in RoadRunner, and 5 ns are surely a mistake. Write the unit: "5s".',
      'conf/.rr.yaml:5 jobs.timeout: -1 is not allowed. Give a number of seconds or a duration text such as "90s" or "1h30m", 0 or more.',
      expect.stringMatching(/^conf\/\.rr\.yaml:3 rpc\.listen: 6001 is not allowed\. Give an address/),
    ]);
  });

  it('carries file and line as fields', () => {
    expect(() => read('jobs: { timeout: x }')).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ file: '.rr.yaml', line: 2, path: 'jobs.timeout' })] }),
    );
  });

  it('is found in the file it came from', () => {
    const readInclude = (): string => 'version: "3"\njobs:\n  timeout: x';
    expect(errors('include: [part.yaml]', { readInclude })).toEqual([expect.stringMatching(/^part\.yaml:3 jobs\.timeout: "x"/)]);
  });

  it('is found behind an alias, at the anchor', () => {
    expect(errors('x-pool: &pool\n  num_workers: two\njobs:\n  pool: *pool')).toEqual([
      expect.stringMatching(/^\.rr\.yaml:3 jobs\.pool\.num_workers/),
    ]);
  });

  it('is found in an override', () => {
    expect(errors('', { overrides: ['jobs.pool.num_workers=many'] })).toEqual([expect.stringMatching(/^-o jobs\.pool\.num_workers: "many"/)]);
  });

  it.each([
    ['pool and pools', 'jobs: { pool: {}, pools: {} }', 'jobs.pools: "pool" and "pools" stand side by side'],
    [
      'a pool that is not there',
      'jobs: { pools: { big: {} }, pipelines: { a: { driver: memory, pool: bigg } } }',
      'jobs.pipelines.a.pool: No pool is called "bigg". Did you mean "big"?',
    ],
    ['a pool where there is none', 'jobs: { pipelines: { a: { driver: memory, config: { pool: x } } } }', 'No pool is called "x". There is none'],
    ['a text for a section', 'jobs: soon', 'jobs: "soon" is not allowed'],
    ['a text for rpc', 'rpc: "tcp://127.0.0.1:6001"', 'rpc: "tcp://127.0.0.1:6001" is not allowed'],
    ['a list of pipelines', 'jobs: { pipelines: [a] }', 'jobs.pipelines: An array is not allowed'],
    ['a number in pools', 'jobs: { pools: { a: 5 } }', 'jobs.pools.a: 5 is not allowed'],
    ['the same key in another case', 'jobs: { Timeout: 1, timeout: 2 }', '"Timeout" and "timeout" are the same option'],
    ['an override into a list', 'include: []', 'include.a: The path leads into a list', ['include.a=1']],
    ['an include that nobody reads', 'include: a.yaml', 'include[0]: "a.yaml" cannot be read: included files are not read here.'],
  ])('is told for %s', (_, text, message, overrides: string[] = []) => {
    expect(errors(text, { overrides })).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    'tcp://127.0.0.1',
    'tcp://127.0.0.1:',
    'tcp://127.0.0.1:x',
    'tcp://127.0.0.1:65536',
    'tcp://::1:6001',
    'tcp://a b:1',
    'unix://',
    'tcp://a:1://b',
  ])('is the address %p', (listen) => {
    expect(errors(`rpc: { listen: "${listen}" }`)).toEqual([expect.stringContaining('rpc.listen')]);
  });
});

describe('what is odd', () => {
  it('is a warning with a suggestion and has no effect', () => {
    const text =
      'jobz: 1\njobs:\n  tmeout: 5\n  pool: { num_worker: 4 }\n  pipelines:\n    a: { driver: memory, prefech: 3, config: { flavour: sweet } }';
    expect(warnings(text)).toEqual([
      '.rr.yaml:2 jobz: Nothing reads the section "jobz". Did you mean "jobs"?',
      '.rr.yaml:4 jobs.tmeout: There is no option "tmeout". Did you mean "timeout"? It has no effect.',
      '.rr.yaml:5 jobs.pool.num_worker: There is no option "num_worker". Did you mean "num_workers"? It has no effect.',
      '.rr.yaml:7 jobs.pipelines.a.prefech: There is no option "prefech". Did you mean "prefetch"? It has no effect.',
      expect.stringMatching(/^\.rr\.yaml:7 jobs\.pipelines\.a\.config\.flavour: There is no option "flavour"/),
    ]);
    expect(read(text).kernel.pipelines).toEqual({ a: { driver: 'memory', config: {} } });
  });

  it.each([
    ['a dot that should nest', 'jobs: { pool.num_workers: 2 }', 'Write the section "pool" with "num_workers" in it'],
    ['quotes in a command', `server: { command: 'node "a b.js"' }`, 'quotes stay in the arguments'],
    ['an unknown level', 'logs: { channels: { jobs: { level: loud } } }', 'logs.channels.jobs.level: "loud" is not one of'],
    ['a consumed name without a pipeline', 'jobs: { consume: [emai], pipelines: { email: { driver: memory } } }', 'Did you mean "email"?'],
    ['another name inside the pipeline', 'jobs: { pipelines: { a: { driver: memory, name: b } } }', 'the pipeline is called "a"'],
    ['envfile', 'envfile: .env', 'The file is not read'],
  ])('is told for %s', (_, text, message) => {
    expect(warnings(text)).toEqual([expect.stringContaining(message)]);
  });

  it('is told 200 times at most', () => {
    const text = Array.from({ length: 5_000 }, (_, index) => `unknown${index}: 1`).join('\n');
    expect(warnings(text)).toHaveLength(200);
  });

  it('is told of other versions', () => {
    expect(lines(readRrYaml('version: "2.7"', { environment: {} }).warnings)).toEqual([expect.stringContaining('read as version "3"')]);
  });

  it('is not a section that has an anchor, begins with x- or belongs to a service', () => {
    const text = 'base: &base { debug: true }\nx-notes: 1\nticker: { interval: "${I}" }\njobs: { pool: *base }';
    const { sections, warnings: told, pool } = read(`${text}\nserver: { command: a }`, { services: ['ticker'], environment: { I: '5' } });
    expect([told, pool?.debug]).toEqual([[], true]);
    expect(sections.get('ticker')).toEqual({ interval: '5' });
  });
});

describe('sections', () => {
  it('have every default', () => {
    const { server, pool, logs, rpc, parallelism, kernel } = read(
      'rpc: {}\nserver: { command: node a.js }\nlogs: {}\njobs: { pool: { supervisor: {}, dynamic_allocator: {} } }',
    );
    expect(server).toEqual({ command: ['node', 'a.js'], env: {}, relay: 'pipes' });
    expect(pool).toEqual({
      debug: false,
      maxJobs: 0,
      maxQueueSize: 0,
      allocateTimeoutMs: 60_000,
      destroyTimeoutMs: 60_000,
      resetTimeoutMs: 60_000,
      streamTimeoutMs: 60_000,
      supervisor: { watchTickMs: 5_000, ttlMs: 0, idleTtlMs: 0, execTtlMs: 0, maxWorkerMemoryMb: 0 },
      dynamicAllocator: { maxWorkers: 10, spawnRate: 5, idleTimeoutMs: 60_000 },
    });
    expect(logs).toEqual({ mode: 'development', level: 'debug', output: ['stderr'], errOutput: ['stderr'], lineEnding: '\n', channels: new Map() });
    expect(rpc).toMatchObject({ listen: 'tcp://127.0.0.1:6001', allowInsecure: false, limits: { maxConnections: 1_024 } });
    expect([parallelism, kernel.consume]).toEqual([10, []]);
  });

  it('have a pool for debugging, and extra workers within bounds', () => {
    const { pool } = read(
      'server: { command: a }\njobs: { pool: { debug: true, num_workers: 4, max_jobs: 9, dynamic_allocator: { max_workers: 500, spawn_rate: 0, idle_timeout: 10ms } } }',
    );
    expect(pool).toMatchObject({
      numWorkers: 0,
      maxJobs: 1,
      maxQueueSize: 0,
      dynamicAllocator: { maxWorkers: 100, spawnRate: 5, idleTimeoutMs: 60_000 },
    });
  });

  it('have pools by name, which pipelines choose', () => {
    const text = 'server: { command: a }\njobs: { pools: { Big: { num_workers: 8 } }, pipelines: { a.b: { driver: memory, pool: Big } } }';
    const { pool, pools, kernel } = read(text);
    expect([pool, pools.get('Big')?.numWorkers]).toEqual([undefined, 8]);
    expect(kernel.pipelines).toEqual({ 'a.b': { driver: 'memory', pool: 'Big' } });
  });

  it('have the options of this library in snake case, in any case', () => {
    const text =
      'rpc: { token: secret, allow_insecure: true, limits: { max_in_flight: 5 } }\njobs: { Max_Payload: 10, data_dir: /d, failed: { count: 3 }, retry: { attempts: 2, on_failure: drop, backoff: { delay: 1 } } }';
    const { kernel, rpc } = read(text);
    expect(kernel).toMatchObject({
      maxPayload: 10,
      dataDir: '/d',
      failed: { count: 3 },
      retry: { attempts: 2, onFailure: 'drop', backoff: { delay: 1 } },
    });
    expect(rpc).toMatchObject({ token: 'secret', allowInsecure: true, limits: { maxInFlight: 5 } });
  });

  it('take the time of a stop from endure, unless jobs.shutdown says it', () => {
    expect(read('endure: { grace_period: 1m }').kernel.shutdown).toEqual({ timeout: 60 });
    expect(read('endure: { grace_period: 1m }\njobs: { shutdown: { timeout: 5 } }').kernel.shutdown).toEqual({ timeout: 5 });
  });

  it('have the settings of brokers', () => {
    const text = 'amqp: {}\nkafka: { brokers: "a:1, b:2", tls: { root_ca: ca.pem }, ping: { timeout: 3s } }\ngoogle_pub_sub: { insecure: true }';
    expect(Object.fromEntries(read(text).drivers)).toMatchObject({
      amqp: { addr: 'amqp://guest:guest@127.0.0.1:5672/' },
      kafka: { brokers: ['a:1', 'b:2'], tls: { rootCa: 'ca.pem', timeout: 10_000 }, ping: { timeout: 3_000 } },
      google_pub_sub: { endpoint: '127.0.0.1:8085', insecure: true },
    });
  });

  it('have log files and channels', () => {
    const text =
      'logs: { mode: production, output: "stdout,a.log", file_logger_options: { log_output: b.log, compress: true }, channels: { Jobs: { level: error } } }';
    const { logs } = read(text);
    expect(logs).toMatchObject({ mode: 'production', output: ['stdout', 'a.log'], file: { path: 'b.log', maxSizeMb: 100, compress: true } });
    expect(logs?.channels.get('Jobs')).toMatchObject({ mode: 'development', level: 'error' });
  });

  it('read the priority of a pipeline wherever it stands', () => {
    const text =
      'jobs: { pipelines: { a: { driver: memory, priority: "7", config: { priority: 2 } }, b: { driver: memory, config: { Priority: -1 } } } }';
    expect(read(text).kernel.pipelines).toEqual({
      a: { driver: 'memory', priority: '7', config: { priority: 2 } },
      b: { driver: 'memory', config: { priority: -1 } },
    });
  });

  it('leave the options of drivers to the kernel where the drivers are not known', () => {
    const { kernel, warnings: told } = readRrYaml('version: "3"\njobs: { pipelines: { a: { driver: other, flavour: sweet } } }', { environment: {} });
    expect([kernel.pipelines, told]).toEqual([{ a: { driver: 'other', flavour: 'sweet' } }, []]);
  });
});

describe('overrides', () => {
  it('find names with dots, win over included files and may make sections', () => {
    const readInclude = (): string => 'version: "3"\njobs: { pipelines: { a.b: { driver: memory } } }';
    const { kernel, server } = read('include: x.yaml', {
      readInclude,
      overrides: ['jobs.pipelines.a.b.config.priority=3', "server.command='node a.js'", 'JOBS.timeout=$T'],
      environment: { T: '9' },
    });
    expect(kernel).toMatchObject({ timeout: '9', pipelines: { 'a.b': { config: { priority: '3' } } } });
    expect(server?.command).toEqual(['node', 'a.js']);
  });

  it.each([
    ['x', 'There is no "="'],
    ['=x', 'There is no key'],
    ['a=', 'There is no value'],
    ['a=$NONE', 'There is no value'],
  ])('are refused: %p', (override, message) => {
    expect(errors('', { overrides: [override] })).toEqual([expect.stringContaining(message)]);
  });
});

describe('durations', () => {
  const timeoutOf = (text: string): number | undefined =>
    read(`server: { command: a }\njobs: { pool: { allocate_timeout: ${text} } }`).pool?.allocateTimeoutMs;

  it.each([
    ['1m0.5s', 60_500],
    ['1500ms', 1_500],
    ['0.5h', 1_800_000],
    ['1h2m3s', 3_723_000],
    ['250us', 0.25],
    ['0s', 0],
    ['0', 0],
    ['"0"', 0],
    ['10000000000', 10_000],
    ['1000000', 1],
  ])('%s are %p ms', (text, ms) => {
    expect(timeoutOf(text)).toBe(ms);
  });

  it.each(['60', '999999', '"60"', '10 seconds', '-5s', '1d', '1.5', '1h 2m', '.s'])('are refused: %s', (text) => {
    expect(errors(`jobs: { pool: { allocate_timeout: ${text} } }`)).toHaveLength(1);
  });
});
