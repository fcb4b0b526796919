// The root of the package: Nest, and everything a Nest application needs.
export { isJobContext } from './nest/is-job-context.js';
export type { JobHandlerDecorator, JobHandlerOptions, JobHandlerOptionsFactory } from './nest/decorators/job-handler.decorator.js';
export { JobHandler } from './nest/decorators/job-handler.decorator.js';
export { InjectJobs, InjectQueue } from './nest/decorators/inject.decorator.js';
export { JobAttempt, JobCtx, JobHeader, JobHeaders, JobId, JobPayload } from './nest/decorators/job-params.decorator.js';
export type { OnJobEventOptions } from './nest/decorators/on-job-event.decorator.js';
export { OnJobEvent, OnJobFailed } from './nest/decorators/on-job-event.decorator.js';
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
export type { FeatureQueue } from './nest/jobs.module.js';
export { JOBS_MODULE_OPTIONS, JobsModule } from './nest/jobs.module.js';
export type { NamedJobsEvent } from './nest/jobs.service.js';
export { JobsService } from './nest/jobs.service.js';
export type { JobProcessMiddleware, JobPushMiddleware } from './nest/middleware.js';
export { getJobsToken, getQueueToken, JOB_REF, JOBS_TRANSPORT } from './nest/tokens.js';
