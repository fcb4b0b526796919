import { BadRequestException, type Logger, UnprocessableEntityException } from '@nestjs/common';
import type { Finalizer } from '../contract/service.js';
import { messageOf } from '../contract/thrown.js';
import type { HandlerFunction, HandlerOptions } from '../runtime/handler.js';
import { oneLine } from './nest-logger.js';

/** A handler as the kernel binds it. */
export interface BoundHandler {
  readonly name: string | undefined;
  readonly options: HandlerOptions;
  /** True when its queue may be missing at the start. */
  readonly declaredLater: boolean;
  /** For messages: `MailHandlers.send()`. */
  readonly label: string;
  readonly handle: HandlerFunction;
}

/** What a ValidationPipe throws, with its default status and with the other one in use: the same payload fails at every run. */
const INVALID_PAYLOAD = [BadRequestException, UnprocessableEntityException] as const;

/** Errors of a ValidationPipe are final, unless the handler says itself by `retryOn` what is tried again. */
export function withFinalErrors(options: HandlerOptions): HandlerOptions {
  if (options.retryOn !== undefined) return options;
  return { ...options, dontRetryOn: [...INVALID_PAYLOAD, ...(options.dontRetryOn ?? [])] };
}

/** Runs the finalizers after each run, before the job is settled. What they throw is logged: it is no failure of the job. */
export function withFinalizer(handle: HandlerFunction, finalizer: Finalizer, logger: Logger): HandlerFunction {
  return async (context) => {
    try {
      return await handle(context);
    } finally {
      await finalizer.finalize().catch((error: unknown) => {
        logger.error(oneLine(`What has to be reset after job "${context.name}" (${context.id}) was not: ${messageOf(error)}`));
      });
    }
  };
}
