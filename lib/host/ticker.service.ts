import type { Clock, Deadline, Timer } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import type { KernelService, KernelServiceContext } from '../contract/service.js';
import { messageOf } from '../contract/thrown.js';
import type { WorkerPool, WorkerPoolFactory, WorkerState } from '../contract/worker.js';
import { readTickerSettings, type TickerSettings } from './ticker-settings.js';

/** What `init` leaves behind. */
interface TickerParts extends TickerSettings {
  readonly clock: Clock;
  readonly logger: JobsLogger;
  readonly pools: WorkerPoolFactory;
}

const encoder = new TextEncoder();

/**
 * Gives a tick to its workers every interval: header `{"lastTick":S}`, S the Unix second of the tick before, 0 at first; body `{"tick":N}`, N
 * counts from 0. A tick that comes while the one before is unanswered is not given: it is counted in {@link skipped} and has no number.
 *
 * Section: `ticker: { interval: 1, workers: { command: 'node app.js' } }`. `interval` is in whole seconds, at least 1; `workers` takes the settings
 * of a pool, and has one worker unless it says more.
 *
 * @publicApi
 */
export class TickerService implements KernelService {
  readonly name = 'ticker';
  #parts: TickerParts | undefined;
  #pool: WorkerPool | undefined;
  #timer: Timer | undefined;
  #nextAt = 0;
  #ticks = 0;
  #skipped = 0;
  #failed = 0;
  #lastTick = 0;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** Ticks that were given to a worker. */
  get ticks(): number {
    return this.#ticks;
  }

  /** Ticks that were not given, as the one before was unanswered. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Ticks that a worker could not do. */
  get failed(): number {
    return this.#failed;
  }

  /** @throws JobsConfigError when the interval is no whole number of seconds, or less than 1. */
  init(config: unknown, { clock, logger, pools }: KernelServiceContext): void {
    this.#parts = { ...readTickerSettings(config), clock, logger, pools };
  }

  async serve(): Promise<void> {
    const parts = this.#parts!; // The host calls init before.
    const { pools, clock, intervalMs, workers } = parts;
    this.#pool = await pools.create({ mode: this.name, environment: { RR_TICKER: 'true' }, settings: workers, path: 'ticker.workers' });
    if (this.#isStopped) return;
    this.#nextAt = clock.monotonic() + intervalMs;
    this.#arm(parts, this.#pool);
  }

  /** Waits for the tick under way, then ends the workers. */
  async stop(deadline: Deadline): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    if (this.#running !== undefined) await this.#runningOr(deadline);
    await this.#pool?.stop(deadline);
  }

  workers(): readonly WorkerState[] {
    return this.#pool?.workers() ?? [];
  }

  async addWorker(): Promise<void> {
    await this.#pool?.addWorker();
  }

  async removeWorker(): Promise<void> {
    await this.#pool?.removeWorker();
  }

  async reset(): Promise<void> {
    await this.#pool?.reset();
  }

  ready(): boolean {
    return this.workers().some(({ status }) => status === 'ready' || status === 'working');
  }

  // From one moment to the next, not from the end of one tick to the next: no drift.
  #arm(parts: TickerParts, pool: WorkerPool): void {
    const { clock, intervalMs } = parts;
    this.#timer = clock.setTimer(this.#nextAt - clock.monotonic(), () => {
      const late = Math.floor((clock.monotonic() - this.#nextAt) / intervalMs);
      this.#skipped += late; // The process was held up for whole intervals.
      this.#nextAt += (late + 1) * intervalMs;
      this.#arm(parts, pool);
      if (this.#running === undefined) this.#running = this.#tick(parts, pool);
      else this.#skipped++;
    });
  }

  async #tick({ clock, logger }: TickerParts, pool: WorkerPool): Promise<void> {
    const tick = this.#ticks++;
    const context = encoder.encode(`{"lastTick":${this.#lastTick}}`);
    this.#lastTick = Math.floor(clock.now() / 1_000);
    try {
      await pool.execute({ context, body: encoder.encode(`{"tick":${tick}}`) });
    } catch (error) {
      this.#failed++;
      logger.warn(`Tick ${tick} failed: ${messageOf(error)}`, { tick, error });
    }
    this.#running = undefined;
  }

  async #runningOr(deadline: Deadline): Promise<void> {
    const { clock } = this.#parts!;
    let timer: Timer | undefined;
    const passed = new Promise<void>((resolve) => {
      if (deadline.remainingMs() !== Infinity) timer = clock.setTimer(deadline.remainingMs(), resolve);
    });
    await Promise.race([this.#running, passed]);
    timer?.cancel();
  }
}
