// A list of named checks with one verdict. All of them run, also after a failure; the counts go where NRR_COUNTS_DIR says.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Thrown inside a check that cannot run here. The run prints the reason and counts the check as skipped. */
export class SkipCheck extends Error {}

/**
 * @typedef {{ suite: string, passed: number, failed: string[], skipped: string[] }} Counts
 */

export class Checks {
  /** @type {Counts} */
  #counts;

  /** @param {string} suite - Name of the run, unique among all runs: the counts are kept under it. */
  constructor(suite) {
    this.#counts = { suite, passed: 0, failed: [], skipped: [] };
  }

  /**
   * Runs one check and prints its verdict and duration.
   *
   * @param {string} name
   * @param {() => unknown} body - Throws when the check fails.
   * @returns {Promise<boolean>} Whether it passed.
   */
  async check(name, body) {
    const startedAt = performance.now();
    const seconds = () => `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
    try {
      await body();
      this.#counts.passed++;
      console.log(`✓ ${name} (${seconds()})`);
      return true;
    } catch (error) {
      if (error instanceof SkipCheck) {
        this.skip(name, error.message);
        return false;
      }
      this.#counts.failed.push(name);
      console.error(`✗ ${name} (${seconds()})\n${indented(error instanceof Error ? error.message : String(error))}`);
      return false;
    }
  }

  /**
   * @param {string} name
   * @param {string} reason
   */
  skip(name, reason) {
    this.#counts.skipped.push(`${name}: ${reason}`);
    console.log(`- ${name} skipped: ${reason}`);
  }

  /** Prints and stores the counts and sets the exit code of the process. Call it once, at the end. */
  finish() {
    const { suite, passed, failed, skipped } = this.#counts;
    console.log(`${suite}: ${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
    const folder = process.env['NRR_COUNTS_DIR'];
    if (folder !== undefined) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${suite}.counts.json`), JSON.stringify(this.#counts));
    }
    if (failed.length > 0) process.exitCode = 1;
  }
}

/** @param {string} text */
function indented(text) {
  return text.replaceAll(/^/gm, '    ');
}
