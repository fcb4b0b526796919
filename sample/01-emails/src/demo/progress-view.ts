import type { JobProgress } from './job-progress.js';
import type { Terminal } from './terminal.js';

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 1_000;
const RATE_WINDOW_MS = 1_000;
const BAR_CELLS = 28;
/** What stands beside the bar, at most. */
const TEXT_COLUMNS = 72;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** Shows the progress: a bar that is redrawn, or a line a second where nothing can be redrawn. */
export class ProgressView {
  private readonly samples: { readonly at: number; readonly finished: number }[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly terminal: Terminal,
    private readonly progress: JobProgress,
    /** Jobs that there will be. */
    private readonly total: number,
  ) {}

  start(): void {
    this.sample(performance.now());
    if (this.terminal.isLive) this.draw();
    this.timer = setInterval(() => this.draw(), this.terminal.isLive ? REDRAW_MS : PLAIN_LINE_MS);
  }

  /** May be called twice. */
  stop(): void {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.draw();
    if (this.terminal.isLive) this.terminal.print('');
  }

  private draw(): void {
    const { terminal } = this;
    const cells = Math.min(BAR_CELLS, terminal.columns - TEXT_COLUMNS);
    if (!terminal.isLive) terminal.print(`  ${this.text(this.rate())}`);
    else terminal.redraw(`  ${cells > 4 ? `${this.bar(cells)}  ` : ''}${this.text(this.rate())}`);
  }

  private text(rate: number): string {
    const { terminal, progress, total } = this;
    return [
      `${terminal.bold(padded(progress.finished, total))} of ${number(total)} jobs`,
      `${number(rate).padStart(5)} jobs/s`,
      `done ${terminal.green(padded(progress.done, total))}`,
      `retried ${terminal.yellow(number(progress.retried).padStart(3))}`,
      `failed ${terminal.red(number(progress.failed).padStart(3))}`,
    ].join('  ');
  }

  private bar(cells: number): string {
    const eighths = Math.floor((this.total === 0 ? 1 : this.progress.finished / this.total) * cells * 8);
    const full = '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
    return this.terminal.cyan(full) + this.terminal.dim('░'.repeat(Math.max(0, cells - full.length)));
  }

  /** Jobs finished in the last second. */
  private rate(): number {
    const now = performance.now();
    this.sample(now);
    while (this.samples.length > 2 && this.samples[1]!.at <= now - RATE_WINDOW_MS) this.samples.shift();
    const [oldest] = this.samples;
    if (oldest === undefined || oldest.at === now) return 0;
    return Math.round(((this.progress.finished - oldest.finished) * 1_000) / (now - oldest.at));
  }

  private sample(at: number): void {
    this.samples.push({ at, finished: this.progress.finished });
  }
}

export function number(value: number): string {
  return value.toLocaleString('en-US');
}

function padded(value: number, total: number): string {
  return number(value).padStart(number(total).length);
}
