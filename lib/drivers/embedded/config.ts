import type { DriverCapabilities } from '../../contract/driver.js';
import type { OptionSpec } from '../../contract/option-spec.js';
import { lentAtOnce, optionTable } from '../option-table.js';

/** Settings of an `embedded` pipeline. */
export interface EmbeddedOptions {
  /** A file below `dataDir`; several pipelines may share one. Default: `rr.db`. */
  readonly file?: string;
  /** Mode of a file that is made. Default: `0o600`. */
  readonly permissions?: number;
  /** Jobs lent to the kernel at once, running ones included. Default: `1_000`. */
  readonly prefetch?: number;
}

export const DEFAULT_FILE = 'rr.db';
export const DEFAULT_MODE = 0o600;
const DEFAULT_PREFETCH = 1_000;

export const capabilities: DriverCapabilities = {
  persistent: true,
  connection: false,
  delay: true,
  priority: true,
  deadLetter: false,
  countsStarts: true,
  browse: true,
  remove: true,
  promote: true,
  purge: true,
};

export const options: readonly OptionSpec[] = optionTable<EmbeddedOptions>({
  file: { type: 'text', default: DEFAULT_FILE, meaning: 'A file below "dataDir"; several pipelines may share one.' },
  permissions: { type: 'integer', min: 0, max: 0o777, default: DEFAULT_MODE, meaning: 'Mode of a file that is made.' },
  prefetch: lentAtOnce(DEFAULT_PREFETCH),
});
