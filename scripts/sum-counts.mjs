// Adds up the counts of all runs and prints them as the last line: `N passed, N failed, N skipped`.
//   node scripts/sum-counts.mjs <folder> [failed steps…]
// The folder holds the results of Jest (*.jest.json) and of the check scripts (*.counts.json).
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {{ title: string, passed: number, failed: string[], skipped: string[] }} Counts
 */

/**
 * @param {string} title
 * @param {any} results - What `jest --json` writes.
 * @returns {Counts}
 */
function ofJest(title, results) {
  const tests = results.testResults.flatMap((/** @type {any} */ file) => file.assertionResults);
  const named = (/** @type {string[]} */ states) =>
    tests.filter((/** @type {any} */ test) => states.includes(test.status)).map((/** @type {any} */ test) => test.fullName);
  // A file that could not be run has no tests, only a message.
  const broken = results.testResults.filter((/** @type {any} */ file) => file.status === 'failed' && file.assertionResults.length === 0);
  return {
    title,
    passed: results.numPassedTests,
    failed: [...named(['failed']), ...broken.map((/** @type {any} */ file) => `${file.name} could not be run`)],
    skipped: named(['pending', 'todo', 'skipped', 'disabled']),
  };
}

/** @param {string} folder */
function readCounts(folder) {
  return readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const content = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      if (file.endsWith('.jest.json')) return [ofJest(file.replace('.jest.json', ''), content)];
      return file.endsWith('.counts.json') ? [{ title: content.suite, ...content }] : [];
    });
}

const [folder, ...failedSteps] = process.argv.slice(2);
if (folder === undefined) throw new Error('Name the folder with the counts.');
const all = readCounts(folder);
for (const { title, passed, failed, skipped } of all) console.log(`${title}: ${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
const total = {
  passed: all.reduce((sum, { passed }) => sum + passed, 0),
  failed: all.flatMap(({ title, failed }) => failed.map((/** @type {string} */ name) => `${title}: ${name}`)),
  skipped: all.flatMap(({ title, skipped }) => skipped.map((/** @type {string} */ name) => `${title}: ${name}`)),
};
// A step that broke before it could count is a failure all the same.
if (total.failed.length === 0) total.failed.push(...failedSteps.map((step) => `step ${step}`));
for (const name of total.skipped) console.log(`skipped: ${name}`);
for (const name of total.failed) console.log(`failed: ${name}`);
console.log(`${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`);
if (total.failed.length > 0 || total.passed === 0) process.exitCode = 1;
