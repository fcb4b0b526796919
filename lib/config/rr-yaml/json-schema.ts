import type { GenericSchema } from 'valibot';
import { optionKey, type OptionSpec } from '../../contract/option-spec.js';
import { commonTable } from '../common-options.js';
import { nestedSections } from '../nested-form.js';
import { schemaOf } from '../pipeline.js';
import { about, type JsonSchema, unwrapped } from '../schema.js';
import type { DriverSpecs } from './pipelines.js';
import { rootSections } from './root-table.js';

const DRAFT = 'http://json-schema.org/draft-07/schema#';
/** A section without a value counts as absent. */
const SECTION_TYPE = ['object', 'null'];
const TEXT_LIST: JsonSchema = { type: ['array', 'string'], items: { type: 'string' } };

/**
 * The JSON Schema of `.rr.yaml`, for editors: made from the tables that check the file.
 *
 * @param drivers - Their options, by name.
 */
export function rrYamlSchema(drivers: DriverSpecs): JsonSchema {
  const sections = Object.entries(rootSections()).map(([name, schema]) => [optionKey(name), jsonOf(schema)] as const);
  const { jobs, ...others } = Object.fromEntries(sections);
  return {
    $schema: DRAFT,
    title: '.rr.yaml of nestjs-roadrunner',
    type: 'object',
    required: ['version'],
    properties: {
      version: { type: 'string', default: '3', description: 'The form of the file, as text: `"3"`.' },
      include: { ...TEXT_LIST, description: 'Files of the same version. Each of their sections takes the place of the whole section here.' },
      envfile: { type: 'string', description: 'Not read: start with `node --env-file`.' },
      ...others,
      jobs: withPipelines(jobs!, drivers),
    },
  };
}

function jsonOf(schema: GenericSchema): JsonSchema {
  const { note, isOptional, default: fallback } = unwrapped(schema);
  const { entries, named, json, meaning } = note;
  const shape =
    entries !== undefined ? sectionOf(entries) : named !== undefined ? { type: SECTION_TYPE, additionalProperties: jsonOf(named) } : (json ?? {});
  return {
    ...shape,
    ...(isOptional && isPlain(fallback) ? { default: fallback } : {}),
    ...(meaning === undefined ? {} : { description: meaning }),
  };
}

function sectionOf(entries: Readonly<Record<string, unknown>>): JsonSchema {
  const all = Object.entries(entries) as [string, GenericSchema][];
  const required = all.filter(([, schema]) => schema.type !== 'optional').map(([name]) => optionKey(name));
  return {
    type: SECTION_TYPE,
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(all.map(([name, schema]) => [optionKey(name), jsonOf(schema)])),
    additionalProperties: false,
  };
}

/** Defaults of sections are made of those of their keys. */
function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value) || (Array.isArray(value) && value.length > 0);
}

function withPipelines(jobs: JsonSchema, drivers: DriverSpecs): JsonSchema {
  const properties = jobs['properties'] as Readonly<Record<string, JsonSchema>>;
  return { ...jobs, properties: { ...properties, pipelines: { ...properties['pipelines'], ...pipelinesOf(drivers) } } };
}

function pipelinesOf(drivers: DriverSpecs): JsonSchema {
  const branches = [...drivers].map(([driver, specs]) => ({
    if: { properties: { driver: { const: driver } } },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { properties: { ...optionsOf(specs), config: { type: SECTION_TYPE, properties: optionsOf(specs) } } },
  }));
  const driver = { type: 'string', description: 'The driver.', anyOf: [{ enum: [...drivers.keys()] }, { type: 'string' }] };
  return {
    type: SECTION_TYPE,
    additionalProperties: {
      type: 'object',
      required: ['driver'],
      properties: {
        driver,
        config: { type: SECTION_TYPE, description: 'The options of the pipeline; a key beside `driver` wins.' },
      },
      allOf: branches,
    },
  };
}

function optionsOf(specs: readonly OptionSpec[]): JsonSchema {
  const common = Object.entries(commonTable()).map(([name, schema]) => [optionKey(name), jsonOf(schema)]);
  const own = Object.fromEntries([...common, ...specs.map((spec) => [spec.key, jsonOfOption(spec)])]) as Readonly<Record<string, JsonSchema>>;
  const nested = nestedSections(specs).map((section) => {
    const inside = specs.flatMap((spec) => {
      const [holder, name = ''] = spec.nested ?? [];
      return holder === section ? [[optionKey(name), jsonOfOption(spec)]] : [];
    });
    const object = { type: 'object', properties: Object.fromEntries(inside) as JsonSchema, additionalProperties: false };
    const { type, ...flat } = own[section] ?? {};
    return [section, { ...flat, anyOf: [{ type }, object] }];
  });
  return { ...own, ...Object.fromEntries(nested) } as JsonSchema;
}

function jsonOfOption(spec: OptionSpec): JsonSchema {
  const json = jsonOf(about(spec.meaning, schemaOf(spec)));
  return spec.default === undefined ? json : { ...json, default: spec.default };
}
