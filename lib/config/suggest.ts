/**
 * What `word` was probably meant to be: the nearest candidate, if at most a third of it has to change. Case, `_` and `-`
 * make no difference, so that `max-jobs` finds `maxJobs`.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const plain = plainOf(word);
  let nearest: string | undefined;
  let nearestDistance = Infinity;
  for (const candidate of candidates) {
    const other = plainOf(candidate);
    const length = Math.max(plain.length, candidate.length);
    const most = Math.max(1, Math.floor(length / 3));
    if (Math.abs(plain.length - other.length) > most) continue; // saves the distance, which costs the product of both lengths
    const distance = editDistance(plain, other);
    if (distance >= nearestDistance || distance >= length || distance > most) continue;
    nearest = candidate;
    nearestDistance = distance;
  }
  return nearest;
}

/** Levenshtein: how many characters have to be inserted, removed or replaced. */
export function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 0; i < left.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < right.length; j++) {
      next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (left[i] === right[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[right.length];
}

function plainOf(word: string): string {
  return word.toLowerCase().replace(/[_-]/g, '');
}
