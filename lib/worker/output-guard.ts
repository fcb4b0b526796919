import { isMainThread } from 'node:worker_threads';
import { takeStandardStreams } from './standard-streams.js';
import type { WorkerEnvironment } from './worker-environment.js';

/**
 * Keeps what this process prints away from the relay, from here on: takes standard input and output for frames, where `RR_RELAY` says that frames
 * travel there. Without effect otherwise, in a thread, and where they are no pipes: whoever opens the relay learns that.
 */
export function guardOutput({ relayAddress, relayDescriptor }: WorkerEnvironment): void {
  if (!isMainThread || relayAddress !== 'pipes' || relayDescriptor !== undefined) return;
  try {
    takeStandardStreams();
  } catch {
    // Nothing was taken.
  }
}
