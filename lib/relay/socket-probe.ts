import { connect } from 'node:net';

/** A peer that does not answer within it may be frozen, but it holds its socket. */
const PROBE_TIMEOUT_MS = 2_000;

/**
 * True while a process listens on this unix socket; false when it is gone, however it ended.
 *
 * @throws Error (as a rejection) when that cannot be told, because of a missing right for instance.
 */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path });
    probe.setTimeout(PROBE_TIMEOUT_MS, () => end(true));
    probe.once('connect', () => end(true));
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ECONNREFUSED' || cause.code === 'ENOENT') end(false);
      else reject(cause);
    });
    const end = (isAnswer: boolean): void => {
      probe.destroy();
      resolve(isAnswer);
    };
  });
}
