// A drain through a Nest application, and the same pipeline with Nest's own caller around the same handler.
import { JobsService } from 'nestjs-roadrunner';
import { measureDrain, PAYLOAD } from '../support/drain.mjs';
import { drainOf, openKernel, QUEUE } from '../support/kernel.mjs';
import { callerOfNest, JOB, openApplication } from '../support/nest-handlers.mjs';

/** @typedef {import('../support/nest-handlers.mjs').Equipment} Equipment */

/** Fewer than elsewhere: the slow rows are exact enough, and take long. */
const JOBS = 100_000;

export const rows = {
  'JobsModule, no enhancer': () => throughModule('context'),
  'JobsModule, payload and one pipe': () => throughModule('pipe'),
  'JobsModule, one guard and one pipe': () => throughModule('guard'),
  'JobsModule, one interceptor': () => throughModule('interceptor'),
  'pipeline + Nest caller, no enhancer': () => throughNestCaller('context'),
  'pipeline + Nest caller, payload and one pipe': () => throughNestCaller('pipe'),
  'pipeline + Nest caller, one guard and one pipe': () => throughNestCaller('guard'),
  'pipeline + Nest caller, one interceptor': () => throughNestCaller('interceptor'),
};

/** @param {Equipment} equipment */
async function throughModule(equipment) {
  const { app, countdown } = await openApplication(equipment);
  const service = app.get(JobsService);
  const queue = service.queue(QUEUE);
  return measureDrain(
    drainOf({ kernel: service, countdown }, () => void queue.push(JOB, PAYLOAD)),
    JOBS,
  );
}

/** @param {Equipment} equipment */
async function throughNestCaller(equipment) {
  const application = await openApplication(equipment);
  const call = callerOfNest(application);
  const hasPayload = equipment !== 'context';
  const { kernel, queue } = await openKernel(() => (context) => call(hasPayload ? context.value() : undefined, context));
  return measureDrain(
    drainOf({ kernel, countdown: application.countdown }, () => void queue.push(JOB, PAYLOAD)),
    JOBS,
  );
}
