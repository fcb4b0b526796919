import type { Clock } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';

/** What a worker may write into the log. */
const LINES_PER_SECOND = 100;
const MAX_LINE_BYTES = 8_192;
const MAX_HELD_LINES = 100;
/** Of what it wrote last; it explains its death. Unit: characters. */
const TAIL = 2_048;
const NEWLINE = 0x0a;
const CR = 0x0d;
const SECOND_MS = 1_000;

export interface OutputLogOptions {
  readonly logger: JobsLogger;
  readonly clock: Clock;
  readonly pid: number;
  /** The field of the line: `stderr`, `stdout`. */
  readonly stream: string;
  /** Nothing is told before {@link OutputLog.release}: a start that fails is told as one error, with the last words. Default: `false`. */
  readonly isHeld?: boolean;
}

/** Standard error of a worker, line by line in the log. Bounded: long lines are cut, a flood is counted and left out. */
export class OutputLog {
  readonly #options: OutputLogOptions;
  #line: Buffer[] = [];
  #lineBytes = 0;
  #tail = '';
  #second = -Infinity;
  #lines = 0;
  #dropped = 0;
  #held: string[] | undefined;

  constructor(options: OutputLogOptions) {
    this.#options = options;
    this.#held = options.isHeld === true ? [] : undefined;
  }

  /** The end of what was written. */
  get tail(): string {
    return this.#tail.trim();
  }

  write(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, at));
      this.#endLine();
      from = at + 1;
      // A flood must not cost more than what is kept of it.
      if (this.#isOver()) {
        this.#dropped += countLines(chunk, from);
        const end = Math.max(from, chunk.lastIndexOf(NEWLINE) + 1);
        for (const line of linesOf(chunk.subarray(Math.max(from, end - TAIL), end))) this.#remember(printable(line));
        from = end;
        break;
      }
    }
    this.#add(chunk.subarray(from));
  }

  /** Tells what it held back; what comes is told at once. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const text of held) this.#tell(text);
  }

  /** The process has ended. */
  end(): void {
    if (this.#lineBytes > 0) this.#endLine();
    this.#reportDropped();
  }

  #add(bytes: Buffer): void {
    const kept = bytes.subarray(0, MAX_LINE_BYTES - this.#lineBytes);
    if (kept.length === 0) return;
    this.#lineBytes += kept.length;
    // A copy: the chunk is large, and the rest of this line may be long in coming.
    this.#line.push(Buffer.from(kept));
  }

  #endLine(): void {
    const text = printable(Buffer.concat(this.#line));
    this.#line = [];
    this.#lineBytes = 0;
    this.#remember(text);
    if (text === '') return;
    if (this.#isOver()) {
      this.#dropped++;
      return;
    }
    this.#lines++;
    if (this.#held === undefined) this.#tell(text);
    else if (this.#held.length < MAX_HELD_LINES) this.#held.push(text);
    else this.#dropped++;
  }

  #tell(text: string): void {
    const { logger, pid, stream } = this.#options;
    logger.info(`Worker ${pid}: ${text}`, { stream });
  }

  #remember(text: string): void {
    this.#tail = `${this.#tail}\n${text}`.slice(-TAIL);
  }

  #isOver(): boolean {
    const now = this.#options.clock.monotonic();
    if (now - this.#second >= SECOND_MS) {
      this.#reportDropped();
      this.#second = now;
      this.#lines = 0;
    }
    return this.#lines >= LINES_PER_SECOND;
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const { logger, pid, stream } = this.#options;
    logger.warn(`A worker wrote more than ${LINES_PER_SECOND} lines in a second; ${this.#dropped} are left out.`, {
      pid,
      stream,
      dropped: this.#dropped,
    });
    this.#dropped = 0;
  }
}

function countLines(chunk: Buffer, from: number): number {
  let lines = 0;
  for (let at = chunk.indexOf(NEWLINE, from); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

function* linesOf(bytes: Buffer): Iterable<Buffer> {
  let from = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
    yield bytes.subarray(from, at);
    from = at + 1;
  }
}

/** What sets the colour of the text behind it. */
// oxlint-disable-next-line no-control-regex -- it begins with the control character Escape
const COLOUR = /\u001b\[[\d;]*m/g;

// Control characters could change what a terminal shows of other lines. Colours are left out, as many loggers write them in any case.
function printable(bytes: Buffer): string {
  const end = bytes.at(-1) === CR ? bytes.length - 1 : bytes.length;
  let text = '';
  for (const unit of bytes.toString('utf8', 0, end).replaceAll(COLOUR, '')) {
    const code = unit.codePointAt(0)!;
    text += (code < 0x20 && unit !== '\t') || (code >= 0x7f && code < 0xa0) ? '\u{fffd}' : unit;
  }
  return text;
}
