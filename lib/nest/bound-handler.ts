import { BadRequestException, UnprocessableEntityException } from '@nestjs/common';
import type { HandlerFunction, HandlerOptions } from '../runtime/handler.js';

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
