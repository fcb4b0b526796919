import { appendFile } from 'node:fs';
import type { KernelEnvironment } from '../contract/kernel-environment.js';
import { RelayError } from '../contract/rpc-errors.js';
import type { Finalizer, KernelDispatcher, PayloadParts, PayloadSource } from '../contract/service.js';

/** @publicApi */
export interface TickerDispatcherOptions {
  /** Makes the worker that ticks come from; called when it serves, not before: a worker takes standard input and output. */
  worker(): PayloadSource;
  /** Runs after every tick. */
  readonly finalizer: Finalizer;
  /** The file that gets a line for each tick. Default: `ticks.txt` in the working directory. */
  readonly path?: string;
}

const DEFAULT_PATH = 'ticks.txt';
const OK: PayloadParts = { header: new Uint8Array(0), body: new TextEncoder().encode('OK'), eos: true };

/**
 * Serves ticks in a process that the ticker spawned: writes the number of each as a line to a file, answers, and finalizes.
 *
 * @publicApi
 */
export class TickerDispatcher implements KernelDispatcher {
  readonly #options: TickerDispatcherOptions;
  readonly #path: string;

  constructor(options: TickerDispatcherOptions) {
    this.#options = options;
    this.#path = options.path ?? DEFAULT_PATH;
  }

  /** True with `RR_MODE=ticker`, or with `RR_TICKER` set. */
  canServe(environment: KernelEnvironment): boolean {
    return environment.isSpawnedFor('ticker');
  }

  /**
   * @returns How many ticks it wrote, when no more come.
   * @throws AggregateError (as a rejection) when a finalizer fails: a process whose state is not reset must not go on.
   */
  async serve(): Promise<number> {
    const worker = this.#options.worker();
    let written = 0;
    for (let payload = await worker.waitPayload(); payload !== undefined; payload = await worker.waitPayload()) {
      if (await this.#answer(worker, payload)) written++;
      await this.#options.finalizer.finalize();
    }
    return written;
  }

  /** True when it was written. */
  async #answer(worker: PayloadSource, { body }: PayloadParts): Promise<boolean> {
    try {
      await append(this.#path, `${numberOf(body)}\n`);
    } catch (error) {
      await told(worker.error((error as Error).message));
      return false;
    }
    await told(worker.respond(OK));
    return true;
  }
}

// The kernel may have gone meanwhile: then no more ticks come.
async function told(answer: Promise<void>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
  }
}

function numberOf(body: Uint8Array): number {
  const { tick } = JSON.parse(Buffer.from(body).toString()) as { readonly tick?: unknown };
  if (typeof tick === 'number') return tick;
  throw new TypeError(`A tick has no number: ${Buffer.from(body).toString().slice(0, 100)}`);
}

function append(path: string, text: string): Promise<void> {
  return new Promise((resolve, reject) => appendFile(path, text, (error) => (error === null ? resolve() : reject(error))));
}
