import type { KernelOptions, PipelineOptions } from '../config/kernel-options.js';
import { JobsConfigError } from '../contract/errors.js';
import { withoutJitter } from './test-executor.js';
import type { JobsTestingMode } from './test.driver.js';

/** More jobs at once than a test pushes inside one another. */
const ENDLESS = 1_000_000;

const ELSEWHERE =
  'The application pushes to a kernel elsewhere, and a test has none. Give it "pipelines" of its own: ' +
  'overrideProvider(JOBS_MODULE_OPTIONS).useValue({ pipelines: { emails: { driver: "memory" } } }).';

/**
 * The options of a kernel as a test needs them: waits without chance, state in memory, closed to other processes, jobs in this process. Inline there is no limit of
 * jobs at once, as a job that runs within a push cannot wait for the slot of the job that pushes it.
 *
 * @throws JobsConfigError when pushes would go to a kernel elsewhere.
 */
export function testOptions({ rpc, pool: _inProcess, pools: _inProcessToo, ...options }: KernelOptions, mode: JobsTestingMode): KernelOptions {
  if (typeof rpc === 'string' || rpc?.connect !== undefined) throw new JobsConfigError([{ path: 'rpc.connect', message: ELSEWHERE }]);
  const pipelines = Object.entries(options.pipelines ?? {}).map(([name, pipeline]) => [name, testPipeline(pipeline, mode)] as const);
  return {
    ...options,
    pipelines: Object.fromEntries(pipelines),
    retry: withoutJitter({ ...options.retry, backoff: options.retry?.backoff ?? {} }),
    failed: { ...options.failed, store: 'memory' },
    ...(mode === 'inline' ? { numPollers: ENDLESS } : {}),
  };
}

function testPipeline(pipeline: PipelineOptions, mode: JobsTestingMode): PipelineOptions {
  const { config } = pipeline;
  const flat = testSettings(pipeline, mode);
  return typeof config === 'object' && config !== null ? { ...flat, config: testSettings(config, mode) } : flat;
}

function testSettings<T extends Readonly<Record<string, unknown>>>(settings: T, mode: JobsTestingMode): T {
  const { pool: _inProcess, ...own } = withoutJitter(settings) as Readonly<Record<string, unknown>>;
  const { concurrency: _unlimited, ...rest } = own;
  return (mode === 'inline' ? rest : own) as T;
}
