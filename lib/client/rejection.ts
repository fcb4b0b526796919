import { errorOf } from '../contract/thrown.js';

/** A promise that says what was thrown. */
export function rejection(thrown: unknown): Promise<never> {
  return Promise.reject(errorOf(thrown));
}
