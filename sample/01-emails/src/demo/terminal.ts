import type { WriteStream } from 'node:tty';

/** Where the demo writes; colours and redrawing only where they are understood. */
export class Terminal {
  readonly isLive: boolean;
  private readonly hasColours: boolean;

  constructor(
    private readonly out: WriteStream,
    environment: Readonly<Record<string, string | undefined>>,
  ) {
    this.isLive = out.isTTY && environment['TERM'] !== 'dumb';
    this.hasColours = this.isLive && (environment['NO_COLOR'] ?? '') === '';
  }

  /** Unit: characters. */
  get columns(): number {
    return this.out.columns;
  }

  print(...lines: readonly string[]): void {
    this.out.write(`${lines.join('\n')}\n`);
  }

  /** Puts a text in the place of the current line. */
  redraw(line: string): void {
    this.out.write(`\r\x1b[2K${line}`);
  }

  bold(text: string): string {
    return this.paint(1, text);
  }

  dim(text: string): string {
    return this.paint(2, text);
  }

  red(text: string): string {
    return this.paint(31, text);
  }

  green(text: string): string {
    return this.paint(32, text);
  }

  yellow(text: string): string {
    return this.paint(33, text);
  }

  cyan(text: string): string {
    return this.paint(36, text);
  }

  private paint(code: number, text: string): string {
    return this.hasColours ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
