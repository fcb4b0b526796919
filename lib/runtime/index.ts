// The subpath `nestjs-roadrunner/kernel`: a kernel without Nest.
export type {
  ConsumeOption,
  FailedOptions,
  KernelOptions,
  PipelineOptions,
  PoolAllocatorOptions,
  PoolOptions,
  PoolSupervisorOptions,
  RpcLimitOptions,
  RpcOptions,
  RpcTlsOptions,
  ShutdownOptions,
} from '../config/kernel-options.js';
export type { Clock, Deadline, Timer } from '../contract/clock.js';
export { deadlineAfter, systemClock } from '../contract/clock.js';
export type { Delivery, DeliverySink, Driver, DriverCapabilities, DriverContext, DriverModule, DriverRegistry } from '../contract/driver.js';
export {
  DispatcherNotFoundError,
  JobsArgumentError,
  JobsConfigError,
  JobsError,
  KernelStoppingError,
  NotSupportedByKernelError,
  PackageMissingError,
  ServiceFailedError,
} from '../contract/errors.js';
export type { Executor, JobControl, Outcome, PendingOutcome } from '../contract/executor.js';
export { DONE_OUTCOME } from '../contract/executor.js';
export type { JobFailure } from '../contract/failure.js';
export { failureOf } from '../contract/failure.js';
export {
  CancelJobError,
  HandlerConflictError,
  JobAlreadySettledError,
  JobCrashedError,
  JobExpiredError,
  JobTimeoutError,
  JobValidationError,
  RetryJobError,
  SnoozeJobError,
  UnknownJobError,
  UnrecoverableJobError,
} from '../contract/job-errors.js';
export type { Job, JobHeaders, KafkaPlace, Payload } from '../contract/job.js';
export { DONE, JobRecord, NO_HEADERS } from '../contract/job.js';
export type { JobsApi, PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from '../contract/jobs-api.js';
export type { JobEvent, JobsEventMap, JobsEventName } from '../contract/jobs-events.js';
export { JobsEventHub } from '../contract/jobs-events.js';
export { KernelEnvironment, type EnvironmentValue } from '../contract/kernel-environment.js';
export {
  BrokerRefusedError,
  BrokerUnavailableError,
  DriverNotAvailableError,
  DriverStoppedError,
  NotSupportedByDriverError,
  PayloadTooLargeError,
  PipelineAlreadyPausedError,
  PipelineAlreadyRunningError,
  PipelineExistsError,
  PipelineFullError,
  PipelineNotFoundError,
  PushUncertainError,
} from '../contract/pipeline-errors.js';
export {
  FileFormatError,
  FileInUseError,
  FileVersionError,
  JobsPathError,
  StateConflictError,
  StateStoreClosedError,
  StorageError,
} from '../contract/storage-errors.js';
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
export { RelayError, RpcExposedError } from '../contract/rpc-errors.js';
export type {
  Finalizer,
  FinalizerFunction,
  KernelDispatcher,
  KernelService,
  KernelServiceContext,
  PayloadParts,
  PayloadSource,
} from '../contract/service.js';
export type { KernelSettings, PipelineSettings, PoolSettings, ServerSettings } from '../contract/settings.js';
export type { StateEntry, StateRange, StateStore, StateTransaction } from '../contract/state-store.js';
export type { WorkerPayload, WorkerPool, WorkerPoolFactory, WorkerPoolRequest, WorkerState, WorkerStatusName } from '../contract/worker.js';
export {
  WorkerError,
  WorkerExitError,
  WorkerMemoryError,
  WorkerPoolError,
  WorkerProtocolError,
  WorkerSoftError,
  WorkerStartError,
  WorkerTimeoutError,
} from '../contract/worker-errors.js';
export { DispatcherHost, type DispatcherHostEvents } from '../host/dispatcher-host.js';
export { FinalizerList } from '../host/finalizer-list.js';
export type { ServiceEntry } from '../host/service-host.js';
export { TickerDispatcher, type TickerDispatcherOptions } from '../host/ticker.dispatcher.js';
export { TickerService } from '../host/ticker.service.js';
export type { Kernel, StopOptions } from '../kernel/kernel.js';
export type { CreateKernelParts } from './create-kernel.js';
export { createKernel } from './create-kernel.js';
export { HandlerExecutor } from './handler-executor.js';
export type { ErrorClass, HandlerFunction, HandlerOptions } from './handler.js';
export type { WorkersConfiguration } from './kernel-workers.js';
export type { JobContextLogger, PayloadClass, PayloadCodec } from './job-context.js';
export { JobContext } from './job-context.js';
