import { readRrYaml, type RrConfiguration } from '../../lib/config/rr-yaml/read-rr-yaml.js';
import { JobsConfigError } from '../../lib/contract/errors.js';
import type { PipelineStat } from '../../lib/contract/jobs-api.js';
import { builtinDrivers } from '../../lib/drivers/index.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { Page } from '../docs/markdown.js';
import { aJob } from '../support/jobs.js';
import { DIFFERENCES, type Difference } from './rr-yaml-differences.js';
import { changed, fixture, recordings, type Recording, withoutEmpty } from './rr-yaml-fixtures.js';
import { ELSEWHERE } from './rr-yaml-elsewhere.js';

/** Line and path of what is wrong with the files that RoadRunner refuses. */
const ERRORS: Readonly<Record<string, string>> = {
  '07-duration-bare-number': '9 jobs.pool.allocate_timeout',
  '09-duration-bad': '9 jobs.pool.allocate_timeout',
  '10-duration-number-string': '9 jobs.pool.allocate_timeout',
  '19-command-missing': '4 server.command',
  '20-command-empty': '5 server.command',
  '26-version-missing': 'version',
  '27-version-number': '1 version',
  '28-version-float': '1 version',
  '32-number-word': '8 jobs.pool.num_workers',
  '33-number-negative': '8 jobs.pool.num_workers',
  '34-workers-too-many': '8 jobs.pool.num_workers',
  '36-relay-bad': '6 server.relay',
  '37-relay-udp': '6 server.relay',
  '39-listen-no-scheme': '3 rpc.listen',
  '40-listen-bad-scheme': '3 rpc.listen',
  '41-listen-no-port': '3 rpc.listen',
  '42-listen-port-too-big': '3 rpc.listen',
  '55-on-init-empty': '6 server.on_init.command',
  '59-include-version': '1 version',
  '60-include-missing': '6 include[0]',
  '62-override-bad': 'jobs.pool.num_workers',
  '63-override-empty': 'jobs.pool.num_workers',
  '66-yaml-infinity': '7 custom.infinity',
  '67-yaml-duplicate-key': '16 jobs.pipelines.emails.driver',
  '68-yaml-tab': '3',
  '69-yaml-list-root': '1',
  '70-empty-file': 'version',
};
/** Set by the pool, whatever `server.env` says. */
const OF_THE_POOL = new Set(['RR_MODE', 'RR_VERSION']);

async function read({ file, env = {}, args = [] }: Recording): Promise<RrConfiguration> {
  const loaded = Object.entries(builtinDrivers).map(async ([name, load]) => [name, (await load()).options] as const);
  return readRrYaml(fixture(file), {
    file,
    environment: env,
    overrides: args.filter((argument) => argument !== '-o'),
    drivers: new Map(await Promise.all(loaded)),
    readInclude: fixture,
  });
}

/** A started kernel of the file, without its RPC port. */
async function withKernel<T>(
  { kernel: options }: RrConfiguration,
  use: (kernel: Awaited<ReturnType<typeof createKernel>>) => Promise<T>,
): Promise<T> {
  const kernel = await createKernel({ ...options, rpc: undefined });
  try {
    await kernel.start();
    return await use(kernel);
  } finally {
    await kernel.close();
  }
}

function difference({ name }: Recording, part: Difference['part']): Difference | undefined {
  return DIFFERENCES.find((candidate) => candidate.name === name && candidate.part === part);
}

/** What RoadRunner answered, in the form that is compared. */
function recorded({ name, outcome: answer, config, list, stat, push, workerEnvironment }: Recording, part: Difference['part']): unknown {
  const pushes = Object.entries(push ?? {}).map(([pipeline, text]) => [pipeline, text === 'accepted' ? text : 'refused']);
  return {
    outcome: answer === 'serves' ? answer : ERRORS[name],
    config,
    list,
    stat: byName(stat),
    push: Object.fromEntries(pushes) as unknown,
    environment: workerEnvironment,
  }[part];
}

/** What is answered here: the same, but for the differences. */
function expected(recording: Recording, part: Difference['part'], answer = recorded(recording, part)): unknown {
  return changed(answer, difference(recording, part)?.changes ?? {});
}

function outcomeOf(recording: Recording): string {
  if (ELSEWHERE.some(({ name }) => name === recording.name)) return 'serves';
  return String(expected(recording, 'outcome'));
}

async function outcome(recording: Recording): Promise<string> {
  try {
    await read(recording);
    return 'serves';
  } catch (error) {
    if (!(error instanceof JobsConfigError)) throw error;
    return error.issues.map(({ line, path }) => [line, path].filter((part) => part !== undefined && part !== '').join(' ')).join(', ');
  }
}

/** Statistics by name, without fields that say nothing. */
function byName(stats: unknown): Record<string, unknown> {
  if (!Array.isArray(stats)) return stats as Record<string, unknown>;
  return Object.fromEntries(
    (stats as PipelineStat[]).map((stat) => [stat.pipeline, Object.fromEntries(Object.entries(stat).filter(([, value]) => Boolean(value)))]),
  );
}

describe('a recorded .rr.yaml', () => {
  const all = recordings();
  const serving = all.filter((recording) => outcomeOf(recording) === 'serves');

  it('is there 72 times', () => {
    expect(all).toHaveLength(72);
  });

  it.each(all)('is taken, or refused with its line: $name', async (recording) => {
    expect(await outcome(recording)).toBe(outcomeOf(recording));
  });

  it.each(serving.filter(({ config }) => config !== undefined))('is resolved as recorded: $name', async (recording) => {
    const { resolved } = await read(recording);
    expect(withoutEmpty(resolved)).toEqual(expected(recording, 'config'));
  });

  it.each(serving.filter(({ list }) => list !== undefined))('makes the pipelines that were recorded: $name', async (recording) => {
    const { list, stat } = await withKernel(await read(recording), async (kernel) => ({ list: await kernel.list(), stat: await kernel.stat() }));
    expect([...list].sort()).toEqual(expected(recording, 'list'));
    expect(byName(stat)).toEqual(expected(recording, 'stat'));
  });

  it.each(serving.filter(({ push }) => push !== undefined))('takes pushes to the names that were recorded: $name', async (recording) => {
    const answers = await withKernel(await read(recording), async (kernel) => {
      const pushed = Object.keys(recording.push ?? {}).map(async (pipeline) => {
        const accepted = kernel.push(aJob({ pipeline })).then(() => true);
        return [pipeline, (await accepted.catch(() => false)) ? 'accepted' : 'refused'];
      });
      return Object.fromEntries(await Promise.all(pushed)) as unknown;
    });
    expect(answers).toEqual(expected(recording, 'push'));
  });

  it.each(serving.filter(({ workerArguments }) => workerArguments !== undefined))('gives workers their arguments: $name', async (recording) => {
    const { server, pool } = await read(recording);
    expect((pool?.command ?? server?.command)?.slice(2)).toEqual(recording.workerArguments);
  });

  it.each(serving.filter(({ workers }) => workers !== undefined))('asks for the recorded number of workers: $name', async (recording) => {
    expect((await read(recording)).pool?.numWorkers ?? 0).toBe(recording.workers);
  });

  it.each(serving.filter(({ workerEnvironment }) => workerEnvironment !== undefined))('gives workers its variables: $name', async (recording) => {
    const { server } = await read(recording);
    const variables = Object.entries(server?.env ?? {}).filter(([name]) => !OF_THE_POOL.has(name));
    const given = variables.map(([name]) => [name, recording.workerEnvironment?.[name]]);
    expect(Object.fromEntries(variables)).toEqual(expected(recording, 'environment', Object.fromEntries(given)));
  });

  it('opens RPC where RoadRunner opened it', async () => {
    const opened = await Promise.all(serving.map(async (recording) => [recording.name, (await read(recording)).rpc?.listen]));
    expect(opened).toEqual(serving.map(({ name, rpc }) => [name, rpc === undefined ? 'tcp://127.0.0.1:6001' : undefined]));
  });

  it.each(DIFFERENCES)('differs where the table says so: $name, $part', ({ name, part, changes }) => {
    const answer = recorded(
      all.find((candidate) => candidate.name === name)!,
      part,
    );
    expect(changed(answer, changes)).not.toEqual(answer);
  });

  it('has the same differences in the documentation', () => {
    const rows = new Page('docs/rr-yaml.md')
      .rows('Files that RoadRunner reads otherwise')
      .map((row) => `${row['file']} ${row['part']}: ${row['here']}`);
    expect(rows).toEqual(DIFFERENCES.map(({ name, part, here }) => `\`${name}\` ${part}: ${here}`));
  });
});
