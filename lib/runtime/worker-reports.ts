import type { JobsLogger } from '../contract/logger.js';
import { REPORT_METHOD, type WorkerReport } from '../relay/methods/worker-methods.js';
import { writeNrr } from '../relay/methods/nrr-values.js';
import type { RpcSender } from '../relay/rpc-sender.js';
import { FrameFlag } from '../wire/frame.js';

/** Beyond it lines of the log are left out while the kernel does not answer. */
const MAX_WAITING = 1_000;
const TIMEOUT_MS = 5_000;
const UNTOLD = 'The kernel is no kernel of this library, or is not reached: it is not told how far jobs are.';

/**
 * Tells the kernel of a worker how far jobs are and what is logged, in order, everything of one turn in one call. Where the kernel cannot be
 * told, progress is left out with one warning, and lines go to the log of this process.
 */
export class WorkerReports {
  readonly #rpc: RpcSender | undefined;
  readonly #local: JobsLogger;
  #waiting: WorkerReport[] = [];
  #sending: Promise<void> | undefined;
  #hasWarned = false;

  /**
   * @param rpc - The relay for the kernel's own workers; `undefined` under any other kernel.
   * @param local - The log of this process.
   */
  constructor(rpc: RpcSender | undefined, local: JobsLogger) {
    this.#rpc = rpc;
    this.#local = local;
  }

  /** Writes to the log of the kernel. */
  get logger(): JobsLogger {
    if (this.#rpc === undefined) return this.#local;
    const at =
      (log: keyof JobsLogger): JobsLogger['info'] =>
      (message, facts = {}) => {
        if (this.#waiting.length >= MAX_WAITING) this.#local[log](message, facts);
        else void this.#add({ log, message, facts: { worker: process.pid, ...plainFacts(facts) } });
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  /** Fulfilled when the kernel knows it, or cannot be told. */
  progress(id: string, value: unknown): Promise<void> | undefined {
    if (this.#rpc !== undefined) return this.#add({ progress: id, value: plainOf(value) });
    this.#warn();
    return undefined;
  }

  /** Fulfilled when all was told. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  #add(report: WorkerReport): Promise<void> {
    this.#waiting.push(report);
    return (this.#sending ??= Promise.resolve().then(() => this.#send()));
  }

  // What comes while a call is under way goes with the next one; its promise is fulfilled by the end of that.
  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const reports = this.#waiting;
      this.#waiting = [];
      try {
        await this.#rpc!.send(REPORT_METHOD, writeNrr([reports]), FrameFlag.json, { timeoutMs: TIMEOUT_MS });
      } catch (error) {
        this.#keep(reports, error);
      }
    }
    this.#sending = undefined;
  }

  #keep(reports: readonly WorkerReport[], error: unknown): void {
    if (reports.some((report) => 'progress' in report)) this.#warn(error);
    for (const report of reports) if ('log' in report) this.#local[report.log](report.message, report.facts);
  }

  #warn(error?: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#local.warn(UNTOLD, error === undefined ? {} : { error });
  }
}

/** What JSON can say. */
function plainFacts(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, value instanceof Error ? value.message : plainOf(value)]));
}

function plainOf(value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value;
  } catch {
    return String(value); // it refers to itself, or holds a bigint
  }
}
