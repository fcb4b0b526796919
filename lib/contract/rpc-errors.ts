import { isDistrust } from './distrust.js';
import { JobsError } from './errors.js';

/** The base of every error of the wire: of bytes, of sockets, of calls. @publicApi */
export abstract class GoridgeError extends JobsError {}

/**
 * Why bytes are no frame.
 *
 * - `noise`: text stands where a frame should begin
 * - `crc`: the checksum of the header is wrong
 * - `version`: a protocol version other than 1 and 0
 * - `options`: more options than a frame may have, or a number that its reader does not take
 * - `size`: the payload is over the limit
 * - `method`: the length of the method name is over the length of the payload, or over 255 bytes
 * - `cut`: the bytes end inside a frame
 *
 * @publicApi
 */
export type FrameErrorKind = 'noise' | 'crc' | 'version' | 'options' | 'size' | 'method' | 'cut';

/** What is known of the frame that was refused. @publicApi */
export interface FrameErrorFacts {
  /** Its options, as far as they were read: the first of an RPC frame is the id of its call. */
  readonly options?: readonly number[];
  /** Its flags, as far as they were read. */
  readonly flags?: number;
  /** The bytes that were met, as text; at most 256 characters. */
  readonly excerpt?: string;
}

/** Bytes that are no goridge frame. Nothing behind them is read; their connection or process ends. @publicApi */
export class FrameError extends GoridgeError {
  readonly code = 'RPC_FRAME';
  readonly options: readonly number[];
  readonly flags: number;
  readonly excerpt: string;

  constructor(
    readonly kind: FrameErrorKind,
    message: string,
    facts: FrameErrorFacts = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.options = facts.options ?? [];
    this.flags = facts.flags ?? 0;
    this.excerpt = facts.excerpt ?? '';
  }
}

/** An address cannot be listened on, or what it names is not safe to use. Nothing was opened. @publicApi */
export class RelayError extends GoridgeError {
  readonly code = 'RELAY';

  constructor(
    readonly address: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`"${address}" cannot be used. ${reason}`, options);
  }
}

/** A call of another process failed. @publicApi */
export abstract class RpcError extends GoridgeError {
  constructor(
    /** As it is on the wire: `jobs.Push`. */
    readonly method: string,
    readonly address: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The other side answered the call with an error. Its connection is fine. @publicApi */
export class ServiceError extends RpcError {
  readonly code = 'RPC_SERVICE';

  constructor(
    method: string,
    address: string,
    /** The text of the other side, untouched. */
    readonly text: string,
    options?: ErrorOptions,
  ) {
    super(method, address, `${method} on ${address} answered with an error: ${text}`, options);
  }
}

/**
 * Why a call was not sent.
 *
 * - `connect`: nothing answers at the address
 * - `denied`: the token was refused
 * - `timeout`: no connection and no free place came in time
 * - `full`: too many calls wait already
 * - `size`: the call is larger than a frame may be
 * - `closed`: this side was closed
 *
 * @publicApi
 */
export type UnreachableReason = 'connect' | 'denied' | 'timeout' | 'full' | 'size' | 'closed';

const UNREACHABLE_REMEDY: Readonly<Record<UnreachableReason, string>> = {
  connect: 'Nothing answers there: start the kernel, or compare the address with its "rpc.listen".',
  denied: 'The token was refused there: compare "token" on both sides.',
  timeout: 'No connection and no free place came in time: check the load of the kernel and its "rpc.listen", or raise "timeoutMs".',
  full: 'Too many calls wait already: await the answers of some, or raise "maxWaiting".',
  size: 'It is larger than one frame may be: send less at once, or raise "maxFrameBytes" on both sides.',
  closed: 'This client is closed: open a new one.',
};

const DISTRUSTED_REMEDY = 'Its certificate is not trusted: name the authority that signed it in "tls.ca".';

/** No byte of the call left this process; it may be repeated freely. @publicApi */
export class RpcUnreachableError extends RpcError {
  readonly code = 'RPC_UNREACHABLE';
  override readonly retriable = true;

  constructor(
    method: string,
    address: string,
    readonly reason: UnreachableReason,
    options?: ErrorOptions,
  ) {
    super(method, address, `${method} was not sent to ${address}${causeOf(options)}.${remedyOf(reason, options?.cause)}`, options);
  }
}

/** Why the answer did not come. @publicApi */
export type UncertainReason = 'timeout' | 'lost' | 'protocol' | 'closed';

const UNCERTAIN_TEXT: Readonly<Record<UncertainReason, string>> = {
  timeout: 'gave no answer in time',
  lost: 'closed the connection before it answered',
  protocol: 'answered with bytes that are no answer',
  closed: 'had not answered when this client was closed',
};

/** The call may have reached the other side, and no answer came: what it asked for may have happened or not. @publicApi */
export class RpcUncertainError extends RpcError {
  readonly code = 'RPC_UNCERTAIN';
  override readonly retriable = true;
  /** Always true; for a look at any error. */
  readonly isUncertain = true;

  constructor(
    method: string,
    address: string,
    readonly reason: UncertainReason,
    options?: ErrorOptions,
  ) {
    super(
      method,
      address,
      `${address} ${UNCERTAIN_TEXT[reason]}${causeOf(options)}; whether ${method} took effect is not known. Repeat it only if doing it twice is harmless.`,
      options,
    );
  }
}

/** A value cannot be written as the codec asks, and the call was not sent; or the answer cannot be read, and the call took effect. @publicApi */
export class CodecError extends GoridgeError {
  readonly code = 'RPC_CODEC';
}

/** The address may be reached by others and the configuration does not protect it. Nothing was opened. @publicApi */
export class RpcExposedError extends GoridgeError {
  readonly code = 'RPC_EXPOSED';

  constructor(
    readonly address: string,
    readonly missing: readonly ('tls' | 'token')[],
    options?: ErrorOptions,
  ) {
    super(
      `"${address}" can be reached from other machines, and ${missing.map((name) => `"rpc.${name}"`).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set. ` +
        'Listen on 127.0.0.1 or a unix socket, or set both "rpc.tls" and "rpc.token", or accept the danger with "rpc.allowInsecure: true".',
      options,
    );
  }
}

function remedyOf(reason: UnreachableReason, cause: unknown): string {
  if (reason === 'connect' && cause instanceof RelayError) return ''; // it says itself what to do
  if (reason === 'connect' && isDistrust((cause as { readonly code?: unknown } | undefined)?.code)) return ` ${DISTRUSTED_REMEDY}`;
  return ` ${UNREACHABLE_REMEDY[reason]}`;
}

function causeOf(options: ErrorOptions | undefined): string {
  return options?.cause instanceof Error ? ` (${options.cause.message})` : '';
}
