import { FrameError } from '../../../lib/contract/rpc-errors.js';
import type { Frame } from '../../../lib/wire/frame.js';
import { type FrameLimits, FrameReader } from '../../../lib/wire/frame-reader.js';

/** The frames in some chunks, copied, and the error that ended them. */
export function readAll(chunks: Iterable<Uint8Array>, limits?: FrameLimits): { frames: Frame[]; error: FrameError | undefined } {
  const reader = new FrameReader(limits);
  const frames: Frame[] = [];
  try {
    for (const chunk of chunks) reader.read(chunk, (frame) => frames.push({ ...frame, payload: Uint8Array.from(frame.payload) }));
    reader.end();
    return { frames, error: undefined };
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return { frames, error };
  }
}

/** The same bytes in pieces that end at `cuts`. */
export function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts, bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}
