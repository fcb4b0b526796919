import { readPoolSection } from '../../lib/config/pool-options.js';
import { readKernelOptions } from '../../lib/config/settings.js';
import { JobsConfigError } from '../../lib/contract/errors.js';

function issuesOf(pool: unknown, more: object = {}): string[] {
  try {
    readKernelOptions({ pool, ...more });
  } catch (error) {
    if (error instanceof JobsConfigError) return error.issues.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

describe('the option pools', () => {
  const issuesOfPools = (pools: unknown, more: object = {}): string[] => issuesOf(undefined, { pools, ...more });

  it('has pools by name, each with the defaults of one', () => {
    const { pool, pools } = readKernelOptions({ pools: { fast: { numWorkers: 4 }, slow: { numWorkers: 1, entry: 'slow.js' } } });
    expect(pool).toBeUndefined();
    expect([...pools].map(([name, { settings, entry }]) => [name, settings.numWorkers, settings.allocateTimeoutMs, entry])).toEqual([
      ['fast', 4, 60_000, undefined],
      ['slow', 1, 60_000, 'slow.js'],
    ]);
    expect(readKernelOptions({ pool: {} }).pools.size).toBe(0);
  });

  it('tells what is wrong in each of them', () => {
    expect(issuesOfPools({ fast: { numWorkers: -1 }, slow: { command: 'a', entry: 'b' }, '': {} })).toEqual([
      expect.stringMatching(/^pools\.fast\.numWorkers: -1 is not allowed\./),
      'pools.slow: "command" and "entry" stand side by side, and each says what the workers run. Keep one of them.',
      expect.stringMatching(/^pools: "" is not allowed\. Give a name of at least one character/),
    ]);
    expect(issuesOfPools({})).toEqual([expect.stringMatching(/^pools: An object is not allowed\. Give an object with a section for each pool/)]);
    expect(issuesOfPools(['fast'])).toHaveLength(1);
  });

  it('has no place beside pool, nor beside rpc.connect', () => {
    expect(issuesOf({}, { pools: { fast: {} } })).toEqual([
      'pools: "pool" and "pools" stand side by side. Keep "pools", with the workers of "pool" under a name of their own.',
    ]);
    expect(issuesOfPools({ fast: {} }, { rpc: 'tcp://127.0.0.1:6001' })).toEqual([expect.stringMatching(/^pools: It stands beside "rpc\.connect"/)]);
  });
});

describe('the option pool', () => {
  it('has the defaults of RoadRunner, in camelCase and seconds', () => {
    const { pool } = readKernelOptions({ pool: {} });
    expect(pool).toEqual({
      settings: {
        debug: false,
        maxJobs: 0,
        maxQueueSize: 0,
        allocateTimeoutMs: 60_000,
        destroyTimeoutMs: 60_000,
        resetTimeoutMs: 60_000,
        streamTimeoutMs: 60_000,
      },
      env: {},
    });
    expect(readKernelOptions({}).pool).toBeUndefined();
  });

  it('reads numbers as seconds, durations, and variables', () => {
    const { pool } = readKernelOptions({
      pool: {
        numWorkers: '4',
        allocateTimeout: 2,
        supervisor: { execTtl: '1m', maxWorkerMemory: 128 },
        env: { mode: 'test', debug: true },
        entry: 'a.js',
      },
    });
    expect(pool).toMatchObject({
      settings: { numWorkers: 4, allocateTimeoutMs: 2_000, supervisor: { execTtlMs: 60_000, watchTickMs: 5_000, maxWorkerMemoryMb: 128 } },
      env: { MODE: 'test', DEBUG: '1' },
      entry: 'a.js',
    });
  });

  it('tells each wrong key with its path', () => {
    expect(issuesOf({ numWorkers: 501, numWorker: 1, supervisor: { ttl: -1 } })).toEqual([
      expect.stringMatching(/^pool\.numWorkers: 501 is not allowed\./),
      expect.stringMatching(/^pool\.supervisor\.ttl: -1 is not allowed\./),
      'pool.numWorker: There is no option "numWorker". Did you mean "numWorkers"?',
    ]);
    expect(issuesOf(4)).toEqual([expect.stringMatching(/^pool: 4 is not allowed\. Give an object/)]);
  });

  it('takes one of command, entry and module', () => {
    expect(issuesOf({ command: 'php worker.php', entry: 'main.js' })).toEqual([
      'pool: "command" and "entry" stand side by side, and each says what the workers run. Keep one of them.',
    ]);
  });

  it('has no place beside rpc.connect', () => {
    expect(issuesOf({}, { rpc: 'tcp://127.0.0.1:6001' })).toHaveLength(1);
    expect(issuesOf({ numWorkers: 1 }, { rpc: 'tcp://127.0.0.1:6001' })).toEqual([expect.stringMatching(/^pool: It stands beside "rpc\.connect"/)]);
  });
});

describe('the pool of a service', () => {
  it('takes the keys of .rr.yaml and those of the options', () => {
    const settings = { num_workers: 1, numWorkers: 2, command: 'node app.js', supervisor: { exec_ttl: '5s' } };
    expect(readPoolSection(settings, 'ticker.workers')).toMatchObject({
      numWorkers: 2,
      command: ['node', 'app.js'],
      supervisor: { execTtlMs: 5_000 },
    });
  });

  it('tells what is wrong with its path', () => {
    expect(() => readPoolSection({ num_workers: 'many' }, 'ticker.workers')).toThrow('ticker.workers.numWorkers');
    expect(() => readPoolSection('node app.js', 'ticker.workers')).toThrow('ticker.workers');
  });
});
