import * as v from 'valibot';
import { optionKey } from '../../contract/option-spec.js';
import type { LogSettings, PoolSettings, ServerSettings } from '../../contract/settings.js';
import { address } from '../address.js';
import { rpcServerTable } from '../rpc-options.js';
import { about, closed, flag, integer, noted, noteOf, type Schema } from '../schema.js';
import { kernelTable } from '../settings.js';
import { driverSections } from './driver-sections.js';
import { goDuration } from './go-duration.js';
import { logsSection } from './logs-section.js';
import { poolSection } from './pool-section.js';
import { serverSection } from './server-section.js';
import { named } from './values.js';

/** RoadRunner's, when the section `options` is there and says 0. */
const SMALL_PARALLELISM = 5;
export const DEFAULT_PARALLELISM = 10;
export const DEFAULT_RPC_LISTEN = 'tcp://127.0.0.1:6001';

/** The sections that are read one by one, and those of brokers. */
export interface RootSections extends Readonly<Record<string, Schema<unknown>>> {
  readonly rpc: Schema<unknown>;
  readonly server: Schema<ServerSettings>;
  readonly logs: Schema<LogSettings>;
  readonly endure: Schema<{ readonly gracePeriod?: number | undefined }>;
  readonly jobs: Schema<unknown>;
}

/** All sections of the file by camelCase name: the one table that reader, suggestions and JSON Schema are made from. */
export function rootSections(): RootSections {
  return {
    rpc: about("RoadRunner's wire: opens this kernel to other processes. An empty map opens the default address.", rpcSection()),
    server: about('How worker processes are started.', serverSection()),
    logs: about('What is logged, where and how.', logsSection()),
    endure: about('How the parts of the server run.', endureSection()),
    jobs: about('Pipelines, what is consumed, and the workers.', jobsSection()),
    ...driverSections(goDuration),
  };
}

/** The keys of the root that are no sections. */
export const ROOT_VALUES: readonly string[] = ['version', 'include', 'envfile'];

/** Every key of the root. */
export function rootKeys(sections: RootSections): string[] {
  return [...ROOT_VALUES, ...Object.keys(sections).map(optionKey)];
}

function rpcSection() {
  const table = rpcServerTable();
  const { meaning = '' } = noteOf(table['listen']);
  return closed({ ...table, listen: v.optional(about(meaning, address()), DEFAULT_RPC_LISTEN) });
}

function jobsSection() {
  const { rpc: _apart, pool: _pool, pools: _pools, ...kernel } = kernelTable();
  return closed({
    ...kernel,
    pipelines: v.optional(about('The pipelines by name. Dots and upper case in names are kept.', v.unknown())),
    consume: v.optional(about('The pipelines whose jobs this kernel runs; others are only pushed to.', noted({ json: CONSUME_JSON }, v.unknown()))),
    pool: v.optional(about('The worker processes.', poolSection())),
    pools: v.optional(about('Pools by name, instead of `pool`; the key `pool` of a pipeline chooses one.', namedPools())),
    options: v.optional(about('How pipelines are opened and closed.', optionsSection())),
  });
}

const CONSUME_JSON = { type: ['array', 'string'], items: { type: ['string', 'integer'] }, default: [] };

/** The section `jobs.pools`. */
export function namedPools(): Schema<ReadonlyMap<string, PoolSettings>> {
  return named(poolSection());
}

/** The section `jobs.options`. */
export function optionsSection(): Schema<{ readonly parallelism: number }> {
  const meaning = `Pipelines opened, closed and destroyed at once. 0: ${SMALL_PARALLELISM}.`;
  const section = closed({
    parallelism: v.optional(about(meaning, integer({ min: 0, unit: 'pipelines', default: SMALL_PARALLELISM })), SMALL_PARALLELISM),
  });
  return v.pipe(
    section,
    v.transform(({ parallelism }) => ({ parallelism: parallelism || SMALL_PARALLELISM })),
  );
}

function endureSection() {
  return closed({
    gracePeriod: v.optional(about('How long a stop may take, unless `jobs.shutdown.timeout` says it.', goDuration({ hint: '0 or more' }))),
    logLevel: v.optional(about('Taken and not used.', v.unknown())),
    printGraph: v.optional(about('Taken and not used.', flag())),
    watchdogSec: v.optional(about('Taken and not used.', v.unknown())),
  });
}
