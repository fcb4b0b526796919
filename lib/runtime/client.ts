// The subpath `nestjs-roadrunner/client`: queues and jobs without Nest, in this process or over RPC.
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
} from '../client/create-info.js';
export type { DeclareMap } from '../client/declare-map.js';
export {
  defineJob,
  type DefineJobOptions,
  type JobClass,
  type JobDefinition,
  type JobMap,
  type JobName,
  type PayloadOf,
  type PushPayload,
} from '../client/define-job.js';
export { JobOptions, type JobOptionsInput } from '../client/job-options.js';
export { Jobs, type JobsPushOptions } from '../client/jobs.js';
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
} from '../client/kafka-create-info.js';
export { KafkaOptions, type KafkaOptionsInput } from '../client/kafka-options.js';
export { PreparedTask } from '../client/prepared-task.js';
export { Queue } from '../client/queue.js';
export { QueuedTask } from '../client/queued-task.js';
export { ReceivedTask, type FailOptions, type NackOptions, type RequeueOptions, type TaskControl } from '../client/received-task.js';
export type { TaskList } from '../client/task-batch.js';
export type { HeaderInput, HeaderValue, TaskHeaders } from '../client/task-headers.js';
export type { Clock } from '../contract/clock.js';
export type { DurationInput } from '../contract/duration.js';
export {
  JobsArgumentError,
  JobsConfigError,
  JobsError,
  KernelStoppingError,
  NotSupportedByKernelError,
  PackageMissingError,
  type ConfigIssue,
} from '../contract/errors.js';
export { JobAlreadySettledError, JobValidationError } from '../contract/job-errors.js';
export type { Job, JobHeaders, KafkaPlace, Payload } from '../contract/job.js';
export type { JobsApi, JobsApiSource, PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from '../contract/jobs-api.js';
export type { KernelAdmin } from '../contract/kernel-admin.js';
export type { JobsLogger } from '../contract/logger.js';
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
} from '../contract/pipeline-errors.js';
export {
  CodecError,
  FrameError,
  GoridgeError,
  RelayError,
  RpcError,
  RpcUncertainError,
  RpcUnreachableError,
  ServiceError,
  type FrameErrorFacts,
  type FrameErrorKind,
  type UncertainReason,
  type UnreachableReason,
} from '../contract/rpc-errors.js';
export type { RpcTlsSettings } from '../contract/settings.js';
export type { StandardIssue, StandardResult, StandardSchema } from '../contract/standard-schema.js';
export { FileFormatError, FileInUseError, FileVersionError, JobsPathError, StorageError } from '../contract/storage-errors.js';
export { JsonCodec, MsgpackCodec, ProtobufCodec, RawCodec, type ProtobufType, type RpcCodec } from '../relay/codecs.js';
export type { RedialOptions } from '../relay/redial.js';
export { RemoteJobsApi, type RemoteJobsApiOptions } from '../relay/remote-jobs-api.js';
export { RemoteKernelAdmin } from '../relay/remote-kernel-admin.js';
export { RpcClient, type RpcClientOptions } from '../relay/rpc-client.js';
export type { RpcConnectionOptions } from '../relay/rpc-connection.js';
export type { RpcSender } from '../relay/rpc-sender.js';
export { connectJobs, JobsConnection, type ConnectJobsOptions } from './connect-jobs.js';
