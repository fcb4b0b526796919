import { readFileSync } from 'node:fs';
import { rrYamlSchema } from '../../lib/config/rr-yaml/json-schema.js';
import { readRrYaml } from '../../lib/config/rr-yaml/read-rr-yaml.js';
import { builtinDrivers } from '../../lib/drivers/index.js';
import { Page } from '../docs/markdown.js';

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly allOf?: readonly { readonly if: JsonSchema; readonly then: JsonSchema }[];
  readonly const?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly description?: string;
}

const SHIPPED = JSON.parse(readFileSync('schema/rr-yaml.schema.json', 'utf8')) as JsonSchema;
/** For keys that have to be there. */
const REQUIRED: Readonly<Record<string, unknown>> = { command: 'node worker.js', log_output: 'jobs.log', driver: 'memory' };

/** The sections with their keys, under the headings of the page. */
function sections(path: string, schema: JsonSchema): (readonly [heading: string, schema: JsonSchema])[] {
  const own = schema.properties === undefined ? [] : [[path === '' ? 'The file' : `\`${path}\``, schema] as const];
  const below = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => sections(path === '' ? key : `${path}.${key}`, inner));
  const named = typeof schema.additionalProperties === 'object' ? sections(`${path}.<name>`, schema.additionalProperties) : [];
  const drivers = (schema.allOf ?? []).map((branch) => {
    const driver = branch.if.properties?.['driver']?.const ?? '';
    return [`\`${path}.config with driver ${driver}\``, branch.then.properties?.['config'] ?? {}] as const;
  });
  return [...own, ...below, ...named, ...drivers];
}

/** A configuration that says every default. */
function defaultsOf(schema: JsonSchema): Record<string, unknown> {
  const entries = Object.entries(schema.properties ?? {}).map(([key, inner]) => [key, valueOf(key, inner, schema)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function valueOf(key: string, schema: JsonSchema, holder: JsonSchema): unknown {
  if (schema.default !== undefined) return schema.default;
  if (holder.required?.includes(key)) return REQUIRED[key];
  const section = defaultsOf(schema);
  return Object.keys(section).length === 0 ? undefined : section; // a section may be a switch, such as `tls`
}

describe('the JSON Schema of .rr.yaml', () => {
  it('is shipped as the tables of this version make it', async () => {
    const drivers = await Promise.all(Object.entries(builtinDrivers).map(async ([name, load]) => [name, (await load()).options] as const));
    expect(SHIPPED).toEqual(JSON.parse(JSON.stringify(rrYamlSchema(new Map(drivers)))));
  });

  it.each(sections('', SHIPPED))('has every key in the documentation: %s', (heading, { properties = {} }) => {
    const rows = new Page('docs/rr-yaml.md').rows(heading).map((row) => row['key']);
    expect(rows).toEqual(Object.keys(properties).map((key) => `\`${key}\``));
  });

  it.each(sections('', SHIPPED))('says what every key means: %s', (_, { properties = {} }) => {
    expect(Object.entries(properties).filter(([, { description = '' }]) => description === '')).toEqual([]);
  });

  it('names defaults that are taken', () => {
    const { properties: { jobs, ...others } = {} } = SHIPPED;
    const file = { ...defaultsOf({ properties: others }), jobs: defaultsOf(jobs!) };
    const { warnings, pool, server } = readRrYaml(JSON.stringify(file), { environment: {} });
    expect([warnings, pool?.maxJobs, server?.relay]).toEqual([[], 0, 'pipes']);
  });

  it('names the defaults that hold where nothing is said', () => {
    const { properties: { jobs, rpc, server, logs } = {} } = SHIPPED;
    const said = {
      version: '3',
      rpc: defaultsOf(rpc!),
      server: defaultsOf(server!),
      logs: defaultsOf(logs!),
      jobs: { pool: defaultsOf(jobs!.properties!['pool']!) },
    };
    const silent = {
      version: '3',
      rpc: {},
      server: { command: 'node worker.js' },
      logs: {},
      jobs: { pool: { supervisor: {}, dynamic_allocator: {} } },
    };
    const [one, other] = [said, silent].map((file) => readRrYaml(JSON.stringify(file), { environment: {} }));
    expect(one?.pool).toEqual(other?.pool);
    expect([one?.rpc, one?.logs?.level]).toEqual([other?.rpc, other?.logs?.level]);
  });
});
