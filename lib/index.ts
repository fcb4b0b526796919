// The root of the package: Nest, and everything a Nest application needs.
export {
  AMQPCreateInfo,
  BeanstalkCreateInfo,
  BoltdbCreateInfo,
  CreateInfo,
  Driver,
  ExchangeType,
  MemoryCreateInfo,
  NatsCreateInfo,
  PubSubCreateInfo,
  SQSCreateInfo,
} from './client/create-info.js';
export {
  defineJob,
  type DefineJobOptions,
  type JobClass,
  type JobDefinition,
  type JobMap,
  type JobName,
  type PayloadOf,
  type PushPayload,
} from './client/define-job.js';
export { JobOptions, type JobOptionsInput } from './client/job-options.js';
export { Jobs, type JobsPushOptions } from './client/jobs.js';
export { Acks, CompressionCodec, KafkaCreateInfo, OffsetType } from './client/kafka-create-info.js';
export { KafkaOptions, type KafkaOptionsInput } from './client/kafka-options.js';
export { PreparedTask } from './client/prepared-task.js';
export { Queue } from './client/queue.js';
export { QueuedTask } from './client/queued-task.js';
export { type FailOptions, type NackOptions, ReceivedTask, type RequeueOptions } from './client/received-task.js';
export type { HeaderInput, HeaderValue, TaskHeaders } from './client/task-headers.js';
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
} from './config/kernel-options.js';
export type { DurationInput } from './contract/duration.js';
export {
  DispatcherNotFoundError,
  JobsArgumentError,
  JobsConfigError,
  JobsError,
  KernelStoppingError,
  NotSupportedByKernelError,
  PackageMissingError,
  ServiceFailedError,
} from './contract/errors.js';
export type { ConfigIssue } from './contract/errors.js';
export type { JobFailure } from './contract/failure.js';
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
  UnknownQueueError,
  UnrecoverableJobError,
} from './contract/job-errors.js';
export type { Job, Payload } from './contract/job.js';
export type { PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from './contract/jobs-api.js';
export type { JobEvent, JobsEventMap, JobsEventName } from './contract/jobs-events.js';
export type {
  FailedAttempt,
  FailedJob,
  FailedJobPage,
  FailedJobQuery,
  FailedJobs,
  KernelAdmin,
  KernelCounters,
  ReplayOptions,
  ReplayResult,
  RunningJob,
} from './contract/kernel-admin.js';
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
  PushBatchError,
  PushUncertainError,
} from './contract/pipeline-errors.js';
export type { BackoffOptions, OnFailure, RetryOptions } from './contract/retry-policy.js';
export { RelayError, RpcExposedError, RpcUncertainError, RpcUnreachableError, ServiceError } from './contract/rpc-errors.js';
export { KernelEnvironment, type EnvironmentValue } from './contract/kernel-environment.js';
export type {
  Finalizer,
  FinalizerFunction,
  KernelDispatcher,
  KernelService,
  KernelServiceContext,
  PayloadParts,
  PayloadSource,
} from './contract/service.js';
export type { StandardSchema } from './contract/standard-schema.js';
export {
  FileFormatError,
  FileInUseError,
  FileVersionError,
  JobsPathError,
  StateConflictError,
  StateStoreClosedError,
  StorageError,
} from './contract/storage-errors.js';
export type { WorkerPayload, WorkerPool, WorkerPoolFactory, WorkerPoolRequest, WorkerState, WorkerStatusName } from './contract/worker.js';
export { WorkerError, WorkerPoolError, WorkerStartError } from './contract/worker-errors.js';
export type { DispatcherHostEvents } from './host/dispatcher-host.js';
export { TickerDispatcher, type TickerDispatcherOptions } from './host/ticker.dispatcher.js';
export { TickerService } from './host/ticker.service.js';
export { Dispatcher, type DispatcherOptions } from './nest/decorators/dispatcher.decorator.js';
export { InjectJobs, InjectQueue } from './nest/decorators/inject.decorator.js';
export type { JobHandlerDecorator, JobHandlerOptions, JobHandlerOptionsFactory } from './nest/decorators/job-handler.decorator.js';
export { JobHandler } from './nest/decorators/job-handler.decorator.js';
export { JobAttempt, JobCtx, JobHeader, JobHeaders, JobId, JobPayload } from './nest/decorators/job-params.decorator.js';
export type { OnJobEventOptions } from './nest/decorators/on-job-event.decorator.js';
export { OnJobEvent, OnJobFailed } from './nest/decorators/on-job-event.decorator.js';
export { isJobContext } from './nest/is-job-context.js';
export { JobsExceptionFilter } from './nest/jobs-exception.filter.js';
export { JobsKernel } from './nest/jobs-kernel.js';
export type {
  JobsMiddlewareOptions,
  JobsModuleAsyncOptions,
  JobsModuleExtras,
  JobsModuleOptions,
  JobsOptionsFactory,
  JobsRole,
  ServiceOption,
} from './nest/jobs-module-options.js';
export { JobsServer } from './nest/jobs-server.js';
export type { AsyncFeatureQueue, FeatureQueue } from './nest/jobs.module.js';
export { JOBS_MODULE_OPTIONS, JobsModule } from './nest/jobs.module.js';
export type { NamedJobsEvent } from './nest/jobs.service.js';
export { JobsService } from './nest/jobs.service.js';
export type { JobProcessMiddleware, JobPushMiddleware } from './nest/middleware.js';
export { getJobsToken, getKernelToken, getQueueToken, getServerToken, JOB_REF, JOBS_TRANSPORT } from './nest/tokens.js';
export type { ErrorClass, HandlerOptions } from './runtime/handler.js';
export type { JobContextLogger, PayloadClass, PayloadCodec } from './runtime/job-context.js';
export { JobContext } from './runtime/job-context.js';
