// What is claimed of the numbers of a run, and how it is shown.

/**
 * The numbers of all rounds.
 *
 * @typedef {(row: string, metric: string) => readonly number[]} Read - Row by `file: name`; one number a round.
 */

/**
 * @typedef {object} Claim
 * @property {string} goal
 * @property {string} what
 * @property {string} target
 * @property {((read: Read) => readonly number[]) | undefined} values - One a round; `undefined` for what cannot be measured here.
 * @property {(value: number) => boolean} isMet
 * @property {(value: number) => string} show
 * @property {((read: Read) => readonly number[]) | undefined} wall - The same by wall time, for scale.
 * @property {string} remark
 */

/**
 * How many times as fast `row` is as `other`.
 *
 * @param {string} goal
 * @param {string} what
 * @param {string} row
 * @param {string} other
 * @param {number} least
 * @returns {Claim}
 */
export function faster(goal, what, row, other, least) {
  return {
    ...scale(goal, what, row, other),
    target: `≥ ${least}`,
    isMet: (value) => value >= least,
    remark: '',
  };
}

/**
 * Of a row whose subjects take turns in its process. It makes the ratios itself, by jobs a second: most of a commit is waiting.
 *
 * @param {string} goal
 * @param {string} what
 * @param {string} row
 * @param {number} least
 * @returns {Claim}
 */
export function inTurns(goal, what, row, least) {
  const values = (/** @type {Read} */ read) => read(row, 'wallRatio');
  return { ...atLeast(goal, what, least, values), wall: values };
}

/**
 * The same without a target.
 *
 * @param {string} goal
 * @param {string} what
 * @param {string} row
 * @param {string} other
 * @returns {Claim}
 */
export function scale(goal, what, row, other) {
  return {
    goal,
    what,
    target: '–',
    values: (read) => ratios(read(other, 'cpuNs'), read(row, 'cpuNs')),
    isMet: () => true,
    show: rounded,
    wall: (read) => ratios(read(other, 'wallNs'), read(row, 'wallNs')),
    remark: 'for scale',
  };
}

/**
 * @param {string} goal
 * @param {string} what
 * @param {(read: Read) => readonly number[]} values
 * @returns {Claim}
 */
export function plainScale(goal, what, values) {
  return { goal, what, target: '–', values, isMet: () => true, show: rounded, wall: undefined, remark: 'for scale' };
}

/**
 * @param {string} goal
 * @param {string} what
 * @param {number} least
 * @param {(read: Read) => readonly number[]} values
 * @returns {Claim}
 */
export function atLeast(goal, what, least, values) {
  return { ...plainScale(goal, what, values), target: `≥ ${least}`, isMet: (value) => value >= least, remark: '' };
}

/**
 * As `faster`, by wall time: of rows of several processes.
 *
 * @param {string} goal
 * @param {string} what
 * @param {string} row
 * @param {string} other
 * @param {number} least
 * @returns {Claim}
 */
export function fasterByWall(goal, what, row, other, least) {
  const values = (/** @type {Read} */ read) => ratios(read(other, 'wallNs'), read(row, 'wallNs'));
  return { ...atLeast(goal, what, least, values), wall: values };
}

/**
 * @param {string} goal
 * @param {string} what
 * @param {number} least
 * @param {string} row
 */
export function thousandsPerSecond(goal, what, least, row) {
  return atLeast(goal, what, least, (read) => read(row, 'wallNs').map((ns) => 1_000_000 / ns));
}

/**
 * @param {string} goal
 * @param {string} what
 * @param {number} most
 * @param {string} unit
 * @param {(read: Read) => readonly number[]} values
 * @returns {Claim}
 */
export function atMost(goal, what, most, unit, values) {
  const show = (/** @type {number} */ value) => `${rounded(value)} ${unit}`.trim();
  return { ...plainScale(goal, what, values), target: `≤ ${most} ${unit}`.trim(), isMet: (value) => value <= most, show, remark: '' };
}

/**
 * @param {string} goal
 * @param {string} what
 * @param {number} tolerance
 * @param {(read: Read) => readonly number[]} values
 * @returns {Claim}
 */
export function within(goal, what, tolerance, values) {
  const target = `1 ± ${tolerance}`;
  return { ...plainScale(goal, what, values), target, isMet: (value) => Math.abs(value - 1) <= tolerance, remark: '' };
}

/**
 * @param {string} goal
 * @param {string} what
 * @param {string} target
 * @param {string} remark
 * @returns {Claim}
 */
export function absent(goal, what, target, remark) {
  return { goal, what, target, values: undefined, isMet: () => false, show: rounded, wall: undefined, remark };
}

/**
 * @param {readonly number[]} over
 * @param {readonly number[]} under
 */
export function ratios(over, under) {
  return over.map((value, round) => value / (under[round] ?? Number.NaN));
}

/** @param {readonly number[]} values */
export function medianOf(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** @param {number} value */
function rounded(value) {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}
