/** A part of a recorded expectation that is looked at elsewhere. */
export interface Elsewhere {
  readonly name: string;
  readonly part: 'outcome';
  readonly reason: string;
}

/** The file itself is right: test/runtime/rr-yaml-workers.spec.ts starts it. */
export const ELSEWHERE: readonly Elsewhere[] = [
  { name: '21-command-not-found', part: 'outcome', reason: 'the program is looked for when the first worker is started' },
  { name: '57-on-init-fails', part: 'outcome', reason: 'server.on_init runs before the first worker' },
];
