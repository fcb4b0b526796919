/** What is kept of an error. @publicApi */
export interface JobFailure {
  /** The class: `TypeError`. */
  readonly type: string;
  readonly message: string;
  /** The error's own, else its HTTP status. */
  readonly code?: string;
  readonly stack?: string;
  /** The error itself; only in the process where it was thrown. */
  readonly cause?: unknown;
}

/** Longer texts are cut: a failed store is bounded. Unit: characters. */
const MAX_MESSAGE = 8_192;
const MAX_STACK = 32_768;

/** Makes a failure of whatever was thrown: an error, a text, nothing. Never throws. */
export function failureOf(thrown: unknown): JobFailure {
  if (thrown instanceof Error) {
    // An HttpException has a status and no code.
    const { code, status } = thrown as { code?: unknown; status?: unknown };
    const kept = code ?? status;
    return {
      type: thrown.name,
      message: thrown.message.slice(0, MAX_MESSAGE),
      ...(typeof kept === 'string' || typeof kept === 'number' ? { code: String(kept) } : {}),
      ...(typeof thrown.stack === 'string' ? { stack: thrown.stack.slice(0, MAX_STACK) } : {}),
      cause: thrown,
    };
  }
  return { type: thrown === null ? 'null' : typeof thrown, message: textOf(thrown).slice(0, MAX_MESSAGE), cause: thrown };
}

function textOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  try {
    return JSON.stringify(thrown) ?? String(thrown);
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}
