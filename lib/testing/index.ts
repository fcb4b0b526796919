// The subpath `nestjs-roadrunner/testing`: jobs in users' tests.
export { JobExpectationError, JobsTestingError } from './errors.js';
export type { RunHandlerOptions } from './handler-runner.js';
export type { DrainOptions, PayloadMatcher } from './jobs-tester.js';
export { JobsTester } from './jobs-tester.js';
export type { JobsTestingOptions, TestPipelineOptions } from './jobs-testing.module.js';
export { JobsTestingModule } from './jobs-testing.module.js';
export type { PartialPayload } from './payload-match.js';
export type { PushedJob, PushExpectation } from './push-log.js';
export type { JobsTestingMode, WaitingKind } from './test.driver.js';
export type { VirtualClockOptions } from './virtual-clock.js';
export { VirtualClock } from './virtual-clock.js';
