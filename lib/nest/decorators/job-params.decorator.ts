import { createParamDecorator, type PipeTransform, type Type } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import type { JobContext } from '../../runtime/job-context.js';

type Pipe = Type<PipeTransform> | PipeTransform;

/**
 * The payload, or one field of it, through the pipes.
 *
 * @publicApi
 */
export function JobPayload(...pipes: Pipe[]): ParameterDecorator;
export function JobPayload(field: string, ...pipes: Pipe[]): ParameterDecorator;
export function JobPayload(fieldOrPipe?: string | Pipe, ...pipes: Pipe[]): ParameterDecorator {
  if (typeof fieldOrPipe === 'string') return Payload(fieldOrPipe, ...pipes);
  return fieldOrPipe === undefined ? Payload() : Payload(fieldOrPipe, ...pipes);
}

/** The {@link JobContext} of the job. @publicApi */
export function JobCtx(): ParameterDecorator {
  return Ctx();
}

const header = createParamDecorator((name: string, host) => {
  const context = host.switchToRpc().getContext<JobContext>();
  return context.hasHeader(name) ? context.headerLine(name) : undefined;
});
const headers = createParamDecorator((_: undefined, host) => host.switchToRpc().getContext<JobContext>().headers);
const id = createParamDecorator((_: undefined, host) => host.switchToRpc().getContext<JobContext>().id);
const attempt = createParamDecorator((_: undefined, host) => host.switchToRpc().getContext<JobContext>().attempt);

/** A header of the job: its values joined by `,`; `undefined` when it is absent. @publicApi */
export function JobHeader(name: string, ...pipes: Pipe[]): ParameterDecorator {
  return header(name, ...pipes);
}

/** All headers of the job. @publicApi */
export function JobHeaders(...pipes: Pipe[]): ParameterDecorator {
  return headers(undefined, ...pipes);
}

/** The id of the job. @publicApi */
export function JobId(...pipes: Pipe[]): ParameterDecorator {
  return id(undefined, ...pipes);
}

/** The number of this run: 1 at first. @publicApi */
export function JobAttempt(...pipes: Pipe[]): ParameterDecorator {
  return attempt(undefined, ...pipes);
}
