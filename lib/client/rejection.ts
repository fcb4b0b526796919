/** A promise that says what was thrown. */
export function rejection(thrown: unknown): Promise<never> {
  return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown }));
}
