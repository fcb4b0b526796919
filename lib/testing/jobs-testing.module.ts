import { Module, type DynamicModule } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { PipelineOptions } from '../config/kernel-options.js';
import { durationMs } from '../contract/duration.js';
import { JobsConfigError, type ConfigIssue } from '../contract/errors.js';
import type { JobsModuleExtras, JobsModuleOptions } from '../nest/jobs-module-options.js';
import { JobsModule } from '../nest/jobs.module.js';
import { KERNEL_HOOK } from '../nest/kernel-hook.js';
import { JobsTester } from './jobs-tester.js';
import { TestBench } from './test-bench.js';
import type { JobsTestingMode } from './test.driver.js';
import { VirtualClock } from './virtual-clock.js';

/** A pipeline of a test; whatever its driver, it is kept in memory. @publicApi */
export interface TestPipelineOptions extends Partial<PipelineOptions> {}

/**
 * Options of `JobsTestingModule.forRoot`: those of the kit, and those of `JobsModule.forRoot` where it takes its place.
 *
 * @publicApi
 */
export interface JobsTestingOptions extends Omit<JobsModuleOptions, 'pipelines' | 'configFile' | 'clock'>, JobsModuleExtras {
  /**
   * `manual`: pushed jobs wait for `drain()`. `inline`: a job runs within its push, which resolves when the run is over;
   * a retry runs when time advances. `fake`: pushes are written down, nothing runs.
   *
   * Default: `'manual'`.
   */
  readonly mode?: JobsTestingMode;
  /** The time of the test. Default: a new clock that stands at `2026-01-01T00:00:00Z`. */
  readonly clock?: VirtualClock;
  /**
   * How long `drain()` and `advance()` wait for the next end of a run. Real time, as handlers may do real work.
   *
   * Unit: seconds, or duration text. Default: `4`.
   */
  readonly patience?: number | string;
  /**
   * The pipelines of `JobsModule.forRoot`, or only their names: `{ emails: {} }`. Leave it out where a module under test
   * imports `JobsModule` itself: that one is taken over as it is configured.
   */
  readonly pipelines?: Readonly<Record<string, TestPipelineOptions>>;
}

const MODES: readonly string[] = ['inline', 'manual', 'fake'] satisfies JobsTestingMode[];
const DEFAULT_PATIENCE_S = 4;

/**
 * Jobs in tests: no broker, no network, time that stands still. Every pipeline is kept in memory, whatever its driver; all
 * else is the real kernel with the real handlers. Waits between retries have no jitter. Inline, limits of jobs at once are off.
 *
 * With `pipelines` it takes the place of `JobsModule`. Without, it stands beside an application that imports `JobsModule`.
 *
 * @example
 * const module = await Test.createTestingModule({
 *   imports: [JobsTestingModule.forRoot({ mode: 'inline', pipelines: { emails: {} } }), EmailsModule],
 * }).compile();
 * const app = await module.init();
 * const tester = app.get(JobsTester);
 *
 * @publicApi
 */
@Module({})
export class JobsTestingModule {
  /** @throws JobsConfigError when the mode is none, or options of `JobsModule` are given without `pipelines`. */
  static forRoot(options: JobsTestingOptions = {}): DynamicModule {
    const { mode = 'manual', clock, patience = DEFAULT_PATIENCE_S, pipelines, ...rest } = options;
    const patienceMs = durationMs(patience, 'patience');
    check(mode, rest, pipelines);
    return {
      module: JobsTestingModule,
      global: true,
      imports: pipelines === undefined ? [] : [JobsModule.forRoot({ ...rest, pipelines: inMemory(pipelines) })],
      providers: [
        { provide: TestBench, useFactory: benchFactory(mode, clock, patienceMs), inject: [ModulesContainer] },
        { provide: KERNEL_HOOK, useExisting: TestBench },
        { provide: JobsTester, useFactory: (bench: TestBench) => new JobsTester(bench), inject: [TestBench] },
      ],
      exports: [KERNEL_HOOK, JobsTester],
    };
  }
}

// Made once per application, as a module may be imported by many.
function benchFactory(mode: JobsTestingMode, clock: VirtualClock | undefined, patienceMs: number): (modules: ModulesContainer) => TestBench {
  return (modules) => {
    // JobsModule has -1: the bench has to be told of the end before it.
    for (const module of modules.values()) if (module.metatype === JobsTestingModule) module.distance = -2;
    return new TestBench({ mode, clock: clock ?? new VirtualClock(), patienceMs });
  };
}

function check(mode: JobsTestingMode, rest: object, pipelines: unknown): void {
  const issues: ConfigIssue[] = [];
  if (!MODES.includes(mode)) issues.push({ path: 'mode', message: `"${mode}" is no mode. Use ${MODES.map((one) => `"${one}"`).join(', ')}.` });
  const message = 'It belongs to JobsModule. Give "pipelines" as well, to take its place, or set it where the application imports JobsModule.';
  if (pipelines === undefined) for (const path of Object.keys(rest)) issues.push({ path, message });
  if (issues.length > 0) throw new JobsConfigError(issues);
}

function inMemory(pipelines: Readonly<Record<string, TestPipelineOptions>>): Record<string, PipelineOptions> {
  return Object.fromEntries(Object.entries(pipelines).map(([name, pipeline]) => [name, { driver: 'memory', ...pipeline }]));
}
