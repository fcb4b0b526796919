export type { DurationInput } from '../contract/duration.js';
export {
  DriverNotAvailableError,
  DriverStoppedError,
  FileFormatError,
  FileInUseError,
  FileVersionError,
  JobAlreadySettledError,
  JobsArgumentError,
  JobsConfigError,
  JobsError,
  JobsPathError,
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
  StorageError,
  type ConfigIssue,
} from '../contract/errors.js';
export type { Job, JobHeaders, KafkaPlace, Payload } from '../contract/job.js';
export type { JobsApi, PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from '../contract/jobs-api.js';
export type { StandardIssue, StandardResult, StandardSchema } from '../contract/standard-schema.js';
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
  ROUTING_KEY_HEADER,
  SQSCreateInfo,
  toDeclareMap,
  type AMQPSettings,
  type BeanstalkSettings,
  type BoltdbSettings,
  type CreateSettings,
  type MemorySettings,
  type NatsSettings,
  type PubSubSettings,
  type SQSSettings,
} from './create-info.js';
export type { DeclareMap } from './declare-map.js';
export {
  defineJob,
  type DefineJobOptions,
  type JobClass,
  type JobDefinition,
  type JobMap,
  type JobName,
  type PayloadOf,
  type PushPayload,
} from './define-job.js';
export { JobOptions, type JobOptionsInput } from './job-options.js';
export { Jobs, type JobsPushOptions } from './jobs.js';
export {
  Acks,
  CompressionCodec,
  KafkaCreateInfo,
  OffsetType,
  type ConsumePartition,
  type ConsumerOffset,
  type KafkaConsumerOptions,
  type KafkaGroupOptions,
  type KafkaProducerOptions,
  type KafkaSettings,
} from './kafka-create-info.js';
export { KafkaOptions, type KafkaOptionsInput } from './kafka-options.js';
export { PreparedTask } from './prepared-task.js';
export { QueuedTask } from './queued-task.js';
export { Queue } from './queue.js';
export { ReceivedTask, type FailOptions, type NackOptions, type RequeueOptions, type TaskControl } from './received-task.js';
export type { TaskList } from './task-batch.js';
export type { HeaderInput, HeaderValue, TaskHeaders } from './task-headers.js';
