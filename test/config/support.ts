import { JobsConfigError } from '../../lib/contract/errors.js';

/** What is wrong, by path, when `read` throws; fails when it does not. */
export function issuesOf(read: () => unknown): Record<string, string> {
  try {
    read();
  } catch (error) {
    if (!(error instanceof JobsConfigError)) throw error;
    return Object.fromEntries(error.issues.map(({ path, message }) => [path, message]));
  }
  throw new Error('The configuration was accepted.');
}
