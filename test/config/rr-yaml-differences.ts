/** What a recorded file answers here instead. */
export interface Difference {
  readonly name: string;
  /** Key of the expectation; `outcome` also for files that are refused. */
  readonly part: 'outcome' | 'config' | 'list' | 'stat' | 'push' | 'environment';
  /** By path with slashes: what stands there instead, `undefined` for nothing. For `outcome` and `list` under the empty path. */
  readonly changes: Readonly<Record<string, unknown>>;
  /** As docs/rr-yaml.md says it. */
  readonly here: string;
}

const KEYS_KEPT = 'keys keep their case; known keys are compared without it';
const TEXT_PRIORITY = 'a priority given as text is read';

/** Files of test/fixtures/rr-yaml that RoadRunner reads otherwise, on purpose. The table of docs/rr-yaml.md is the same. */
export const DIFFERENCES: readonly Difference[] = [
  { name: '02-full', part: 'config', changes: { 'server/env/app_mode': undefined, 'server/env/App_Mode': 'test' }, here: KEYS_KEPT },
  { name: '03-env', part: 'stat', changes: { 'emails/priority': 3 }, here: TEXT_PRIORITY },
  {
    name: '04-env-composite',
    part: 'config',
    changes: { 'server/env/before': 'value-b', 'server/env/after': 'b-value' },
    here: 'every reference has a default of its own',
  },
  {
    name: '04-env-composite',
    part: 'environment',
    changes: { BEFORE: 'value-b', AFTER: 'b-value' },
    here: 'every reference has a default of its own',
  },
  {
    name: '05-env-odd',
    part: 'config',
    changes: {
      'server/env/twice': 'a:-b',
      'custom/mixed': ['value', 5, true],
      'custom/nested': [['value'], { key: 'value' }],
      'custom/$fx_set': undefined,
      'custom/$FX_SET': 'a key is not expanded',
    },
    here: 'the first `:-` ends the name; lists stay whole and are expanded at every depth; keys keep their case',
  },
  {
    name: '05-env-odd',
    part: 'environment',
    changes: { TWICE: 'a:-b', NESTED: '${FX_SET}', NO_RECURSION: '$FX_SET' },
    here: 'the first `:-` ends the name; values are expanded once, so that a dollar sign inside a variable stays',
  },
  {
    name: '11-missing-driver',
    part: 'outcome',
    changes: { '': '16 jobs.pipelines.nodriver.driver' },
    here: 'a pipeline without a driver is an error',
  },
  { name: '12-unknown-driver', part: 'outcome', changes: { '': '17 jobs.pipelines.strange.driver' }, here: 'an unknown driver is an error' },
  { name: '13-missing-config', part: 'outcome', changes: { '': 'serves' }, here: '`config` may be left out' },
  { name: '14-null-config', part: 'outcome', changes: { '': 'serves' }, here: '`config` without a value counts as absent' },
  { name: '15-command-comma', part: 'outcome', changes: { '': 'serves' }, here: 'a command is split at spaces only' },
  {
    name: '23-upper-case-names',
    part: 'config',
    changes: {
      'jobs/pipelines/ordersfast': undefined,
      'jobs/pipelines/OrdersFast': { driver: 'memory', config: { Priority: 4, PREFETCH: 9 } },
    },
    here: KEYS_KEPT,
  },
  { name: '23-upper-case-names', part: 'list', changes: { '': ['OrdersFast'] }, here: 'names keep their case' },
  {
    name: '23-upper-case-names',
    part: 'stat',
    changes: { ordersfast: undefined, OrdersFast: { pipeline: 'OrdersFast', driver: 'memory', queue: 'OrdersFast', ready: true, priority: 4 } },
    here: 'names keep their case, so `consume` finds them',
  },
  { name: '23-upper-case-names', part: 'push', changes: { ordersfast: 'refused', OrdersFast: 'accepted' }, here: 'names keep their case' },
  {
    name: '24-dotted-names',
    part: 'config',
    changes: { 'jobs/pipelines/orders': undefined, 'jobs/pipelines/orders.fast': { driver: 'memory', config: { priority: 4 } } },
    here: 'a dot is part of the name',
  },
  { name: '24-dotted-names', part: 'list', changes: { '': ['orders.fast', 'other'] }, here: 'a dot is part of the name' },
  {
    name: '24-dotted-names',
    part: 'stat',
    changes: { 'orders.fast': { pipeline: 'orders.fast', driver: 'memory', queue: 'orders.fast', ready: true, priority: 4 } },
    here: 'a dot is part of the name',
  },
  { name: '24-dotted-names', part: 'push', changes: { 'orders.fast': 'accepted' }, here: 'a dot is part of the name' },
  { name: '31-numbers-as-strings', part: 'stat', changes: { 'emails/priority': 5 }, here: TEXT_PRIORITY },
  {
    name: '35-priority-places',
    part: 'outcome',
    changes: { '': '15 jobs.pipelines.fraction.config.priority' },
    here: 'a priority with a fraction is an error',
  },
  { name: '46-jobs-absent', part: 'list', changes: { '': [] }, here: 'the kernel runs without pipelines, which may be declared' },
  { name: '46-jobs-absent', part: 'stat', changes: { error: undefined }, here: 'the kernel runs without pipelines, which may be declared' },
  { name: '47-jobs-null', part: 'list', changes: { '': [] }, here: 'the kernel runs without pipelines, which may be declared' },
  { name: '47-jobs-null', part: 'stat', changes: { error: undefined }, here: 'the kernel runs without pipelines, which may be declared' },
  { name: '48-server-absent', part: 'list', changes: { '': ['emails'] }, here: 'jobs need no worker processes: handlers of this process run them' },
  {
    name: '48-server-absent',
    part: 'stat',
    changes: { error: undefined, emails: { pipeline: 'emails', driver: 'memory', queue: 'emails', ready: true, priority: 10 } },
    here: 'jobs need no worker processes: handlers of this process run them',
  },
  { name: '50-consume-text', part: 'stat', changes: { 'third/ready': true }, here: 'blanks around the names do not count' },
  {
    name: '53-server-env',
    part: 'config',
    changes: {
      'server/env': { App_Name: 'shop', mixedCase: 'dflt', FX_SET: 'overridden', RR_MODE: 'http', RR_VERSION: '0', number: 5, boolean: true },
    },
    here: KEYS_KEPT,
  },
  { name: '54-server-env-list', part: 'config', changes: { 'server/env': [{ FIRST: '1' }, { Second: '2' }] }, here: KEYS_KEPT },
  {
    name: '58-include',
    part: 'config',
    changes: { jobs: { pool: { num_workers: 2 }, pipelines: { included: { driver: 'memory', config: { priority: 99 } } } } },
    here: '`rpc.Config` shows what is used: the section of the included file',
  },
  { name: '61-override', part: 'stat', changes: { 'emails/priority': 33 }, here: TEXT_PRIORITY },
  {
    name: '65-yaml-types',
    part: 'config',
    changes: { 'custom/date': '2024-05-17', 'custom/nulls': [null, null, ''] },
    here: 'dates are text; lists stay whole',
  },
];
