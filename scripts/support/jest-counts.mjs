// Reporter of Jest: stores the counts of a run beside those of the check scripts, where NRR_COUNTS_DIR says.
// Jest waits for ever when a test leaves something open. This ends such a run with the verdict of its tests, and says what was open.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Time for the global teardown, which stops the brokers. Unit: milliseconds. */
const END_MS = 90_000;

const NOT_RUN = new Set(['pending', 'todo', 'skipped', 'disabled']);

export default class JestCounts {
  /** @type {{ folder: string, suite: string }} */
  #options;

  /**
   * @param {unknown} _config
   * @param {{ folder: string, suite: string }} options
   */
  constructor(_config, options) {
    this.#options = options;
  }

  /**
   * @param {unknown} _contexts
   * @param {import('@jest/test-result').AggregatedResult} results
   */
  onRunComplete(_contexts, { testResults }) {
    const { folder, suite } = this.#options;
    const tests = testResults.flatMap((file) => file.testResults);
    const named = (/** @type {(status: string) => boolean} */ matches) =>
      tests.filter(({ status }) => matches(status)).map(({ fullName }) => fullName);
    // A file that could not be run has no tests, only an error.
    const broken = testResults.filter(({ testExecError }) => testExecError !== undefined && testExecError !== null);
    /** @type {import('./checks.mjs').Counts} */
    const counts = {
      suite,
      passed: named((status) => status === 'passed').length,
      failed: [...named((status) => status === 'failed'), ...broken.map(({ testFilePath }) => `${testFilePath} could not be run`)],
      skipped: named((status) => NOT_RUN.has(status)),
    };
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${suite}.counts.json`), JSON.stringify(counts));
    setTimeout(endStuckRun, END_MS, counts.failed.length === 0 ? 0 : 1).unref();
  }
}

/** @param {number} exitCode */
function endStuckRun(exitCode) {
  const open = [...new Set(process.getActiveResourcesInfo())].join(', ');
  process.stderr.write(`The run is over since ${END_MS / 1_000} s, and something that a test left open keeps its process: ${open}.\n`);
  process.exit(exitCode);
}
