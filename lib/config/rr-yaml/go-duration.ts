import * as v from 'valibot';
import { scalar, type Schema } from '../schema.js';

/** Milliseconds of the units of Go. */
const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const TEXT = /^\+?(?:0|(?:\d{1,15}(?:\.\d{0,15})?(?:ns|us|µs|μs|ms|s|m|h)){1,16})$/;
const PART = /(\d+(?:\.\d*)?)(ns|us|µs|μs|ms|s|m|h)/g;
const NS_PER_MS = 1_000_000;
const EXPECTED = 'a duration such as "60s", "1m30s" or "500ms"';

/** Reads a duration as milliseconds: as RoadRunner writes it, or as the options of this library do. */
export type Span = () => Schema<number>;

export interface GoDurationOptions {
  /** 0 or more. */
  readonly minMs?: number;
  readonly hint?: string;
}

/**
 * A duration as RoadRunner writes it, read as milliseconds: text of Go, or a bare number, which counts nanoseconds. A bare number under
 * a millisecond is refused: whoever writes `60` means seconds.
 */
export function goDuration({ minMs = 0, hint }: GoDurationOptions = {}): Schema<number> {
  const expected = hint === undefined ? EXPECTED : `${EXPECTED}, ${hint}`;
  const duration = scalar(
    expected,
    (input) => {
      const ms = typeof input === 'number' ? input / NS_PER_MS : typeof input === 'string' ? textMs(input.trim()) : Number.NaN;
      return ms >= minMs ? ms : undefined;
    },
    { type: ['string', 'integer'], pattern: '^\\s*\\+?(?:0|(?:[0-9.]+(?:ns|us|µs|μs|ms|s|m|h))+)\\s*$|\\$' },
  );
  return v.pipe(
    v.unknown(),
    v.check(meansNanoseconds, ({ input }) => bareNumberMessage(input)),
    duration,
  );
}

/** False for a number that can only be meant in another unit. */
function meansNanoseconds(input: unknown): boolean {
  return typeof input !== 'number' || input <= 0 || input >= NS_PER_MS;
}

function bareNumberMessage(input: unknown): string {
  return `A number without a unit counts nanoseconds in RoadRunner, and ${String(input)} ns are surely a mistake. Write the unit: "${String(input)}s".`;
}

function textMs(text: string): number {
  if (!TEXT.test(text)) return Number.NaN;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(PART)) total += Number(amount) * UNIT_MS[unit!]!;
  return total;
}
