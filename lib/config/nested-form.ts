import type { ConfigIssue } from '../contract/errors.js';
import { optionKey, type OptionSpec } from '../contract/option-spec.js';
import { wrongValue } from './issues.js';
import type { FoundOption, OptionBag } from './option-bag.js';
import { isRecord } from './schema.js';

// The nested form of the options of a driver that has one:
//
//   version: 2
//   queue: { name: emails, durable: true }      instead of    queue: emails
//   exchange: { name: mail }                                  durable: true
//                                                             exchange: mail

const VERSION = 'version';
const NESTED_VERSION = 2;

/** The objects of the form; none for a driver that has only flat keys. */
export function nestedSections(specs: readonly OptionSpec[]): string[] {
  return [...new Set(specs.flatMap(({ nested }) => (nested === undefined ? [] : [nested[0]])))];
}

/** The keys of one of its objects, in both spellings. */
export function nestedKeys(specs: readonly OptionSpec[], section: string): string[] {
  return specs.flatMap(({ nested }) => (nested?.[0] === section ? [nested[1], optionKey(nested[1])] : []));
}

export function findNested(bag: OptionBag, [section, name]: readonly [section: string, name: string]): FoundOption | undefined {
  return bag.part(section).find([name, optionKey(name)]);
}

/** Whether the options are in this form. A mixture of the two forms is added to the issues. */
export function isNestedForm(bag: OptionBag, specs: readonly OptionSpec[], issues: ConfigIssue[]): boolean {
  const sections = nestedSections(specs);
  if (sections.length === 0) return false;
  const version = bag.find([VERSION]);
  const found = sections.map((section) => bag.find([section])).filter((option) => option !== undefined);
  const object = found.find(({ value }) => isRecord(value));
  if (object === undefined) {
    // A Declare map, where all is text, is always flat: RoadRunner overlooks the version there.
    if (version?.value !== NESTED_VERSION) return false;
    const names = sections.map((section) => `"${section}"`).join(' or ');
    const message = `Its options stand in objects, and there is none. Give ${names} as an object, or leave the version out for flat keys.`;
    issues.push({ path: version.path, message });
    return false;
  }
  for (const { path, value } of found) {
    if (!isRecord(value)) issues.push(wrongValue(path, value, `an object, as version ${NESTED_VERSION} has it`));
  }
  if (Number(version?.value) !== NESTED_VERSION) {
    const message = `An object is the form of version ${NESTED_VERSION}. Add "version: ${NESTED_VERSION}", or write flat keys.`;
    issues.push({ path: object.path, message });
  }
  return true;
}
