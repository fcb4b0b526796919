/** Rising numbers as text: `2, 5-7`. */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < numbers.length; at++) {
    const first = numbers[at]!;
    while (numbers[at + 1] === numbers[at]! + 1) at++;
    const last = numbers[at]!;
    ranges.push(first === last ? String(first) : `${first}-${last}`);
  }
  return ranges.join(', ');
}

/** The way back; `undefined` when a number is not below `end`. */
export function readRanges(text: string, end: number): Set<number> | undefined {
  const numbers = new Set<number>();
  for (const range of text.split(', ')) {
    const [first, last = first] = range.split('-').map(Number);
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || last! >= end) return undefined;
    for (let number = first!; number <= last!; number++) numbers.add(number);
  }
  return numbers;
}
