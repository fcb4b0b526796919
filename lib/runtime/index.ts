// The subpath `nestjs-roadrunner/kernel`: a kernel without Nest.
export type { ConsumeOption, FailedOptions, KernelOptions, PipelineOptions, ShutdownOptions } from '../config/kernel-options.js';
export type { Clock, Deadline, Timer } from '../contract/clock.js';
export { deadlineAfter, systemClock } from '../contract/clock.js';
export type { Delivery, DeliverySink, Driver, DriverCapabilities, DriverContext, DriverModule, DriverRegistry } from '../contract/driver.js';
export {
  CancelJobError,
  DriverNotAvailableError,
  DriverStoppedError,
  FileFormatError,
  FileInUseError,
  FileVersionError,
  HandlerConflictError,
  JobAlreadySettledError,
  JobCrashedError,
  JobExpiredError,
  JobsArgumentError,
  JobsConfigError,
  JobsError,
  JobsPathError,
  JobTimeoutError,
  JobValidationError,
  KernelStoppingError,
  NotSupportedByDriverError,
  NotSupportedByKernelError,
  PackageMissingError,
  PayloadTooLargeError,
  PipelineAlreadyPausedError,
  PipelineAlreadyRunningError,
  PipelineExistsError,
  PipelineFullError,
  PipelineNotFoundError,
  PushUncertainError,
  RetryJobError,
  SnoozeJobError,
  StateConflictError,
  StateStoreClosedError,
  StorageError,
  UnknownJobError,
  UnrecoverableJobError,
} from '../contract/errors.js';
export type { Executor, JobControl, Outcome } from '../contract/executor.js';
export { DONE_OUTCOME } from '../contract/executor.js';
export type { JobFailure } from '../contract/failure.js';
export { failureOf } from '../contract/failure.js';
export type { Job, JobHeaders, KafkaPlace, Payload } from '../contract/job.js';
export { DONE, JobRecord, NO_HEADERS } from '../contract/job.js';
export type { JobsApi, PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from '../contract/jobs-api.js';
export type { JobEvent, JobsEventMap, JobsEventName } from '../contract/jobs-events.js';
export { JobsEventHub } from '../contract/jobs-events.js';
export type {
  FailedAttempt,
  FailedJob,
  FailedJobPage,
  FailedJobQuery,
  FailedJobs,
  FailedReason,
  JobPage,
  JobQuery,
  JobState,
  JobView,
  KernelAdmin,
  KernelCounters,
  ReplayOptions,
  ReplayResult,
  RunningJob,
  WorkerStat,
} from '../contract/kernel-admin.js';
export type { JobsLogger } from '../contract/logger.js';
export type { OptionSpec } from '../contract/option-spec.js';
export type { BackoffOptions, OnFailure, RetryOptions, RetryPolicy } from '../contract/retry-policy.js';
export type { KernelSettings, PipelineSettings } from '../contract/settings.js';
export type { StateEntry, StateRange, StateStore, StateTransaction } from '../contract/state-store.js';
export type { Kernel, StopOptions } from '../kernel/kernel.js';
export type { CreateKernelParts } from './create-kernel.js';
export { createKernel } from './create-kernel.js';
export { HandlerExecutor } from './handler-executor.js';
export type { ErrorClass, HandlerFunction, HandlerOptions } from './handler.js';
export type { JobContextLogger, PayloadClass, PayloadCodec } from './job-context.js';
export { JobContext } from './job-context.js';
