// The numbers of a run as a page: goals first, as ratios, then the rows, for scale.
import { cpus } from 'node:os';
import { median } from './support/measure.mjs';

/**
 * @param {object} run
 * @param {readonly import('./claims.mjs').Claim[]} run.claims
 * @param {ReadonlyMap<string, readonly Record<string, number>[]>} run.measured
 * @param {readonly number[]} run.loads - Load averages before the first round and after each.
 * @param {number} run.rounds
 */
export function report({ claims, measured, loads, rounds }) {
  const read = (/** @type {string} */ row, /** @type {string} */ metric) => (measured.get(row) ?? []).map((numbers) => numbers[metric] ?? Number.NaN);
  const model = cpus()[0]?.model.trim() ?? 'an unknown processor';
  return `# Results of the bench

Written by \`npm run bench\` (about ten minutes): it builds the library, then measures every row in a process of its own, all rows
once per round, ${rounds} rounds. **Only the ratios count**: each is that of two rows of the same round, or of turns within one row; the median of
the rounds decides, the range stands beside. Rows of one process are compared by CPU time, with the ratio by wall time beside; durable rows and those
of several processes by wall time. A drain pushes 200,000 jobs into a paused pipeline (100,000 in the rows of Nest) and works them, one clock
over both, after a warm-up of 50,000 jobs in small drains.

Node ${process.version}, ${cpus().length} × ${model}, load average ${loads.map((load) => load.toFixed(1)).join(', ')}.

## Goals

${table(
  ['goal', 'what', 'ratio', 'range', 'by wall time', 'target', 'met', 'remark'],
  claims.map((claim) => claimLine(claim, read)),
)}

## Rows, for scale

Medians of the rounds. Drains and calls: nanoseconds per job or call.

${table(
  ['row', 'numbers'],
  [...measured].map(([row, all]) => [row, numbersOf(all)]),
)}
`;
}

/**
 * @param {import('./claims.mjs').Claim} claim
 * @param {import('./claims.mjs').Read} read
 */
function claimLine({ goal, what, target, values, isMet, show, wall, remark }, read) {
  const all = (values?.(read) ?? []).filter(Number.isFinite);
  if (all.length === 0) return [goal, what, '–', '–', '–', target, '–', values === undefined ? remark : 'not measured'];
  const middle = median(all);
  const range = all.length === 1 ? '–' : `${show(Math.min(...all))} … ${show(Math.max(...all))}`;
  const byWall = wall === undefined ? '–' : show(median(wall(read)));
  const verdict = target === '–' ? '–' : isMet(middle) ? 'yes' : '**no**';
  return [goal, what, show(middle), range, byWall, target, verdict, remark];
}

/** @param {readonly Record<string, number>[]} all - One a round. */
function numbersOf(all) {
  const metrics = Object.keys(all[0] ?? {});
  return metrics.map((metric) => `${metric} ${shortened(median(all.map((numbers) => numbers[metric] ?? Number.NaN)))}`).join(', ');
}

/** @param {number} value */
function shortened(value) {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/**
 * Padded as prettier pads, so that the page passes its check.
 *
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} lines
 */
function table(head, lines) {
  const widths = head.map((title, column) => Math.max(3, title.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const row = (/** @type {readonly string[]} */ cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [row(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...lines.map(row)].join('\n');
}
