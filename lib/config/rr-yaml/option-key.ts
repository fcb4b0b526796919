/** The key of `.rr.yaml` of an option: `numWorkers` is `num_workers`. */
export function keyOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
