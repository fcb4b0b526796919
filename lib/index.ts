// The root of the package: Nest, and everything a Nest application needs.
export {
  Acks,
  AMQPCreateInfo,
  BeanstalkCreateInfo,
  BoltdbCreateInfo,
  CompressionCodec,
  CreateInfo,
  defineJob,
  Driver,
  ExchangeType,
  JobOptions,
  Jobs,
  KafkaCreateInfo,
  KafkaOptions,
  MemoryCreateInfo,
  NatsCreateInfo,
  OffsetType,
  PreparedTask,
  PubSubCreateInfo,
  QueuedTask,
  Queue,
  ReceivedTask,
  SQSCreateInfo,
} from './client/index.js';
export type {
  DefineJobOptions,
  DurationInput,
  FailOptions,
  HeaderInput,
  HeaderValue,
  Job,
  JobClass,
  JobDefinition,
  JobMap,
  JobName,
  JobOptionsInput,
  JobsPushOptions,
  KafkaOptionsInput,
  NackOptions,
  Payload,
  PayloadOf,
  PipelineDeclaration,
  PipelineStat,
  PushOutcome,
  PushPayload,
  PushReceipt,
  RequeueOptions,
  StandardSchema,
  TaskHeaders,
} from './client/index.js';
export type { ConsumeOption, FailedOptions, KernelOptions, PipelineOptions, ShutdownOptions } from './config/kernel-options.js';
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
  PushBatchError,
  PushUncertainError,
  RetryJobError,
  SnoozeJobError,
  StateConflictError,
  StateStoreClosedError,
  StorageError,
  UnknownJobError,
  UnknownQueueError,
  UnrecoverableJobError,
} from './contract/errors.js';
export type { ConfigIssue } from './contract/errors.js';
export type { JobFailure } from './contract/failure.js';
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
export type { BackoffOptions, OnFailure, RetryOptions } from './contract/retry-policy.js';
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
