import { type ConfigIssue, JobsConfigError } from '../../contract/errors.js';
import { messageOf } from '../../contract/thrown.js';
import { pathOf, shown } from '../issues.js';
import { interpolate, type Environment } from './interpolate.js';
import { applyOverride } from './override.js';
import { listOf } from './values.js';
import { parseYaml, Positions, type ParsedYaml, type YamlMap } from './yaml-tree.js';

export interface LoadOptions {
  /** The name of the file, for errors. */
  readonly file: string;
  readonly environment: Environment;
  /** Each `key.path=value`. */
  readonly overrides: readonly string[];
  /** Reads an included file; its path is as written. */
  readonly readInclude: ((path: string) => string) | undefined;
}

/** A file with its included files and overrides, references replaced. */
export interface LoadedYaml extends ParsedYaml {
  readonly version: string;
  readonly positions: Positions;
  readonly warnings: readonly ConfigIssue[];
}

const VERSION = '3';
const OLD_VERSION = '2.7';

/**
 * Reads a file as far as its sections. A top-level section of an included file takes the place of the whole section of the same name;
 * what the command line says wins over all files.
 *
 * @throws {@link JobsConfigError}
 */
export function load(text: string, options: LoadOptions): LoadedYaml {
  return new Loader(options).load(text);
}

class Loader {
  readonly #options: LoadOptions;
  readonly #positions = new Positions();
  readonly #warnings: ConfigIssue[] = [];
  readonly #interpolate = (text: string): string => interpolate(text, this.#options.environment);

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  load(text: string): LoadedYaml {
    const { root, anchored } = this.#parse(text, this.#options.file);
    this.#override(root);
    const version = this.#version(root);
    this.#include(root, version);
    this.#override(root); // included sections took the place of what was overridden
    return { root, anchored, version, positions: this.#positions, warnings: this.#warnings };
  }

  #parse(text: string, file: string): ParsedYaml {
    return parseYaml(text, { file, interpolate: this.#interpolate, positions: this.#positions });
  }

  #override(root: YamlMap): void {
    const issues = this.#options.overrides.flatMap((override) => applyOverride(root, override, this.#interpolate, this.#positions) ?? []);
    if (issues.length > 0) throw new JobsConfigError(issues);
  }

  #version(root: YamlMap): string {
    const { version } = root;
    if (version === undefined || version === null || version === '') {
      throw this.#refuse(root, 'version', `It is missing. Begin the file with version: "${VERSION}".`);
    }
    if (typeof version !== 'string') throw this.#refuse(root, 'version', `${shown(version)} is no text. Write version: "${VERSION}", with quotes.`);
    if (version !== VERSION) {
      const meaning = version === OLD_VERSION ? 'is the form of old versions' : 'is unknown';
      this.#warn(root, 'version', `${shown(version)} ${meaning}; the file is read as version "${VERSION}". Write version: "${VERSION}".`);
    }
    return version;
  }

  #include(root: YamlMap, version: string): void {
    if (root.include === undefined || root.include === null) return;
    const files = listOf(root.include);
    if (files === undefined) throw this.#refuse(root, 'include', `${shown(root.include)} is not allowed. Give a list of files.`);
    for (const [index, file] of files.entries()) {
      const included = this.#parse(this.#read(root, file, index), file).root;
      if (included.version !== version) {
        const found = included.version === undefined ? 'none' : shown(included.version);
        throw this.#refuse(included, 'version', `It has to be the version of ${this.#options.file}, ${shown(version)}; it is ${found}.`, file);
      }
      this.#replace(root, included);
    }
  }

  #read(root: YamlMap, file: string, index: number): string {
    const { readInclude } = this.#options;
    const list = root.include;
    const [container, key] = Array.isArray(list) ? [list, index] : [root, 'include'];
    const refuse = (reason: string, cause?: unknown): JobsConfigError =>
      new JobsConfigError(
        [
          {
            ...(this.#positions.get(container, key) ?? { file: this.#options.file }),
            path: pathOf('include', index),
            message: `${shown(file)} cannot be read: ${reason}`,
          },
        ],
        { cause },
      );
    if (readInclude === undefined) throw refuse('included files are not read here.');
    try {
      return readInclude(file);
    } catch (error) {
      throw refuse(messageOf(error), error);
    }
  }

  #replace(root: YamlMap, included: YamlMap): void {
    for (const key of Object.keys(included)) {
      if (key === 'version') continue;
      if (key === 'include') {
        this.#warn(included, key, 'An included file includes no others; it has no effect.');
        continue;
      }
      root[key] = included[key];
      const position = this.#positions.get(included, key);
      if (position !== undefined) this.#positions.set(root, key, position);
    }
  }

  #refuse(map: YamlMap, path: string, message: string, file = this.#options.file): JobsConfigError {
    return new JobsConfigError([{ ...(this.#positions.get(map, path) ?? { file }), path, message }]);
  }

  #warn(map: YamlMap, path: string, message: string): void {
    this.#warnings.push({ ...this.#positions.get(map, path), path, message });
  }
}
