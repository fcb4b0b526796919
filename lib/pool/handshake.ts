import type { Clock } from '../contract/clock.js';
import { FrameFlag, type Frame } from '../wire/frame.js';
import { encodeControl } from '../wire/worker-message.js';
import type { FrameChannel } from './frame-channel.js';

/** Who answered. */
export interface PidReply {
  readonly pid: number;
  /** Payloads that it takes at once, when it is of this library and said so. */
  readonly window: number | undefined;
}

/** Longer ones are no answer to "who are you?". Unit: bytes. */
const MAX_REPLY_BYTES = 4_096;

/**
 * Asks for the process id and waits for the answer. What comes right behind it would be taken for the answer to the first payload: it refuses the worker.
 *
 * @throws Error with a sentence, when something else comes, the other side ends, or the time is over.
 */
export function shakeHands(channel: FrameChannel, timeoutMs: number, clock: Clock): Promise<PidReply> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => fail(`It did not tell its process id within ${timeoutMs} ms.`));
    const end = (): void => {
      timer.cancel();
      channel.listener = { onFrame: () => {}, onEnd: () => {} };
    };
    const fail = (reason: string): void => {
      end();
      reject(new Error(reason));
    };
    let reply: PidReply | undefined;
    channel.listener = {
      onFrame: (frame) => {
        if (reply !== undefined) return fail('It sent a frame behind its process id that nobody asked for.');
        const read = readReply(frame);
        if (typeof read === 'string') return fail(read);
        reply = read;
      },
      onChunk: () => {
        if (reply === undefined) return;
        end();
        resolve(reply);
      },
      onEnd: (error) => fail(error === undefined ? 'It closed its relay before it told its process id.' : error.message),
    };
    channel.write(encodeControl({ pid: process.pid }));
  });
}

/** A text says what is wrong. */
function readReply({ flags, payload }: Frame): PidReply | string {
  const text = Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.length, MAX_REPLY_BYTES)).toString();
  if ((flags & FrameFlag.error) !== 0) return `It answered with an error: ${text}`;
  if ((flags & FrameFlag.control) === 0) return 'Its first frame is not its process id: the flag CONTROL is missing.';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return `Its first frame is no JSON: ${text}`;
  }
  const { pid, nrr } = (typeof json === 'object' && json !== null ? json : {}) as { pid?: unknown; nrr?: unknown };
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return `Its first frame has no process id: ${text}`;
  const { window } = (typeof nrr === 'object' && nrr !== null ? nrr : {}) as { window?: unknown };
  return { pid, window: typeof window === 'number' && Number.isInteger(window) && window >= 1 ? window : undefined };
}
