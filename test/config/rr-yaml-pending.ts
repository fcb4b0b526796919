/** A part of a recorded expectation that no test looks at yet. */
export interface Pending {
  readonly name: string;
  readonly parts: readonly string[];
  readonly reason: string;
}

const NEEDS_WORKERS = 'needs worker processes';
const PARTS = ['workers', 'workerEnvironment'];

/** Cases that serve here too and whose expectation tells what running workers are given. */
const WITH_WORKERS = [
  ...['01-minimal', '02-full', '03-env', '04-env-composite', '05-env-odd', '06-durations', '08-duration-bare-number-big'],
  ...['16-command-spaces', '17-command-list', '18-command-list-one', '22-command-pool'],
  ...['23-upper-case-names', '24-dotted-names', '25-odd-names', '29-version-old', '30-version-other', '31-numbers-as-strings'],
  ...['38-relay-empty', '43-rpc-empty-map', '44-rpc-null', '45-rpc-absent', '49-pipelines-absent', '50-consume-text'],
  ...['51-consume-unknown', '52-unknown-keys', '53-server-env', '54-server-env-list', '56-on-init', '58-include', '61-override'],
  ...['64-yaml-anchors', '65-yaml-types', '71-logs-bad-level', '72-logs-bad-mode'],
];

/** What falls due with the process pool, by name of the file. */
export const PENDING: readonly Pending[] = [
  ...WITH_WORKERS.map((name) => ({ name, parts: PARTS, reason: NEEDS_WORKERS })),
  { name: '21-command-not-found', parts: ['outcome'], reason: 'the program is looked for when the first worker is started' },
  { name: '57-on-init-fails', parts: ['outcome'], reason: 'server.on_init runs before the first worker' },
];
