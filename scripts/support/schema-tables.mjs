// The keys of a JSON Schema as tables of Markdown, one per section.

/**
 * @typedef {{ type?: string | string[], properties?: Record<string, Schema>, additionalProperties?: boolean | Schema, items?: Schema,
 *   anyOf?: { enum?: string[] }[], allOf?: { if: Schema, then: Schema, const?: string }[], minimum?: number, maximum?: number, const?: string,
 *   required?: string[], default?: unknown, description?: string }} Schema
 */

/**
 * @param {Schema} schema
 * @returns {string}
 */
export function keyTables(schema) {
  return [...sections('', schema)].map(([path, section]) => table(path, section)).join('\n');
}

/**
 * @param {string} path
 * @param {Schema} schema
 * @returns {Generator<[path: string, schema: Schema]>}
 */
function* sections(path, schema) {
  if (schema.properties !== undefined) {
    yield [path, schema];
    for (const [key, property] of Object.entries(schema.properties)) yield* sections(path === '' ? key : `${path}.${key}`, property);
  }
  for (const branch of schema.allOf ?? []) {
    const { driver, config } = { ...branch.if.properties, ...branch.then.properties };
    yield [`${path}.config with driver ${driver?.const}`, config ?? {}];
  }
  if (typeof schema.additionalProperties === 'object') yield* sections(`${path}.<name>`, schema.additionalProperties);
}

/**
 * @param {string} path
 * @param {Schema} section
 */
function table(path, { properties = {}, required = [] }) {
  const rows = Object.entries(properties).map(([key, schema]) => {
    const standard = required.includes(key) ? 'required' : schema.default === undefined ? '' : code(JSON.stringify(schema.default));
    return `| ${code(key)} | ${typeOf(schema)} | ${rangeOf(schema)} | ${standard} | ${cell(schema.description ?? '')} |`;
  });
  const head = ['| key | type | range | default | meaning |', '| --- | --- | --- | --- | --- |'];
  return [`### ${path === '' ? 'The file' : code(path)}`, '', ...head, ...rows, ''].join('\n');
}

/** @param {Schema} schema */
function typeOf({ type, properties, additionalProperties, anyOf, minimum, maximum }) {
  const types = [type ?? []].flat();
  if (properties !== undefined || typeof additionalProperties === 'object' || types.includes('object')) return 'section';
  const words = anyOf?.[0]?.enum;
  if (words !== undefined) return words.map(code).join(', ');
  if (types.includes('array')) return types[0] === 'string' ? 'text or list' : 'list, or text with commas';
  if (types.includes('boolean')) return 'true or false';
  if (types[0] === 'integer') return 'whole number';
  if (types[0] === 'number') return minimum === 0 && maximum === undefined ? 'seconds or duration' : 'number';
  if (types.includes('integer')) return 'duration';
  return types.includes('string') ? 'text' : 'anything';
}

/** @param {Schema} schema */
function rangeOf({ type, minimum, maximum }) {
  if (![type].flat().includes('integer')) return '';
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  return minimum === undefined ? '' : `${minimum} or more`;
}

/** @param {string} text */
function code(text) {
  return `\`${cell(text)}\``;
}

/** @param {string} text */
function cell(text) {
  return text.replaceAll('|', '\\|');
}
