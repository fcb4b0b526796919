// Clocks of the bench: CPU time of this process (all threads, the garbage collector included) beside wall time.

/** @typedef {{ cpuNs: number, wallNs: number }} Cost */

/**
 * @param {() => unknown} work
 * @returns {Promise<Cost>}
 */
export async function costOf(work) {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpuNs: (user + system) * 1_000, wallNs: (performance.now() - startedAt) * 1_000_000 };
}

/** @param {readonly number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/**
 * @param {readonly number[]} values
 * @param {number} share - 0.99 is the value that 99 of 100 do not exceed.
 */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** A full collection, so that no row pays for the garbage of the one before. */
export function collectGarbage() {
  if (globalThis.gc === undefined) throw new Error('The bench needs --expose-gc. Start it with "npm run bench".');
  globalThis.gc();
}

/** Bytes that are reachable. */
export function heapUsed() {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
