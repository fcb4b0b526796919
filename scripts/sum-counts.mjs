// Adds up the counts of all runs and prints them as the last line: `N passed, N failed, N skipped`.
//   node scripts/sum-counts.mjs <folder> [failed steps…]
// The folder holds what Jest and the check scripts have stored there: *.counts.json.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} folder
 * @returns {import('./support/checks.mjs').Counts[]}
 */
function readCounts(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.counts.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
}

const [folder, ...failedSteps] = process.argv.slice(2);
if (folder === undefined) throw new Error('Name the folder with the counts.');
const all = readCounts(folder);
for (const { suite, passed, failed, skipped } of all) console.log(`${suite}: ${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
const total = {
  passed: all.reduce((sum, { passed }) => sum + passed, 0),
  failed: all.flatMap(({ suite, failed }) => failed.map((name) => `${suite}: ${name}`)),
  skipped: all.flatMap(({ suite, skipped }) => skipped.map((name) => `${suite}: ${name}`)),
};
// A step that broke before it could count is a failure all the same.
if (total.failed.length === 0) total.failed.push(...failedSteps.map((step) => `step ${step}`));
for (const name of total.skipped) console.log(`skipped: ${name}`);
for (const name of total.failed) console.log(`failed: ${name}`);
console.log(`${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`);
if (total.failed.length > 0 || total.passed === 0) process.exitCode = 1;
