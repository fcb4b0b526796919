import { JobsError } from '../contract/errors.js';

/** What a test expected of the pushed jobs does not hold. The message shows what was pushed. @publicApi */
export class JobExpectationError extends JobsError {
  readonly code = 'JOB_EXPECTATION';
}

/** The testing kit cannot do what was asked, or a job does not end. Jobs are where the kernel had them. @publicApi */
export class JobsTestingError extends JobsError {
  readonly code = 'JOBS_TESTING';
}
