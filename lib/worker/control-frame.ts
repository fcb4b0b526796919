import { KernelProtocolError } from '../contract/errors.js';
import { encodeFrame, FrameFlag, type Frame } from '../wire/frame.js';

// Control frames carry JSON. The kernel sends {"pid":N}, answered by {"pid":<own>}, at any time, and {"stop":true}, never answered; both with the
// flags CONTROL and JSON. The answer to the pid request has the flag CONTROL alone, as that of the PHP worker SDK 3.4 (test/fixtures/goridge).
//
// A kernel of this library that offered a window (NRR_WINDOW) reads {"pid":N,"nrr":{"window":W}} as the consent to have W jobs in flight, and sends
// {"cancel":N,"code":C,"message":M} to end job N.

/** What the kernel asks for. */
export type Control = { readonly kind: 'pid' } | { readonly kind: 'stop' } | CancelControl;

export interface CancelControl {
  readonly kind: 'cancel';
  readonly number: number;
  /** Of the error that ended it in the kernel; absent: somebody cancelled it. */
  readonly code: string | undefined;
  readonly message: string | undefined;
}

const decoder = new TextDecoder();

/** @throws KernelProtocolError when it asks for nothing that is known. */
export function readControl(frame: Frame): Control {
  const text = decoder.decode(frame.payload);
  const { pid, stop, cancel, code, message } = objectOf(text);
  if (stop !== undefined && stop !== false) return { kind: 'stop' };
  if (pid !== undefined) return { kind: 'pid' };
  if (typeof cancel !== 'number') throw new KernelProtocolError(`a control frame that asks for nothing known: ${text.slice(0, 100)}`);
  return { kind: 'cancel', number: cancel, code: textOrNothing(code), message: textOrNothing(message) };
}

/** @param window - Jobs that may be in flight; `undefined` is one, as RoadRunner's workers have it. */
export function encodePidAnswer(pid: number, window?: number): Uint8Array {
  const answer = window === undefined ? { pid } : { pid, nrr: { window } };
  return encodeFrame({ flags: FrameFlag.control, payload: Buffer.from(JSON.stringify(answer)) });
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new KernelProtocolError(`a control frame that is no JSON: ${text.slice(0, 100)}`, { cause });
  }
  throw new KernelProtocolError(`a control frame that is no object: ${text.slice(0, 100)}`);
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
