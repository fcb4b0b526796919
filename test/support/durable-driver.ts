import type { Delivery, Driver, DriverContext, DriverModule } from '../../lib/contract/driver.js';
import { DONE, type Done, type Job } from '../../lib/contract/job.js';
import type { PipelineStat } from '../../lib/contract/jobs-api.js';
import { capabilities } from '../../lib/drivers/memory.driver.js';
import { Ring } from '../../lib/contract/ring.js';
import type { KernelOptions } from '../../lib/config/kernel-options.js';
import { openKernel, type OpenedKernel } from './kernel.js';

export const LEASE_MS = 3_000;

/** What a test may do instead of the driver. */
export interface DurableHooks {
  ack?(): Done;
  /** With it jobs are lent for {@link LEASE_MS}. */
  extend?(): Done;
  run?(): Promise<void>;
  starting?(deliveries: readonly Delivery[]): void;
  stat?(): Promise<PipelineStat>;
}

/** A fake broker behind a driver that says it is durable, and notes what is asked of it. */
export class DurableDriver implements Driver {
  readonly queue = 'broker-queue';
  readonly log: string[] = [];
  readonly starting: ((deliveries: readonly Delivery[]) => void) | undefined;
  readonly #context: DriverContext<object>;
  readonly #hooks: DurableHooks;
  readonly #waiting = new Ring<Job>();
  #lent = 0;
  #isRunning = false;

  constructor(context: DriverContext<object>, hooks: DurableHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.starting = hooks.starting;
  }

  push(job: Job): Promise<void> {
    this.#waiting.push(job);
    this.#lend();
    return Promise.resolve();
  }

  async run(): Promise<void> {
    await this.#hooks.run?.();
    await this.resume();
  }

  pause(): Promise<void> {
    this.#isRunning = false;
    return DONE;
  }

  resume(): Promise<void> {
    this.#isRunning = true;
    this.#lend();
    return DONE;
  }

  stop(): Promise<void> {
    return this.pause();
  }

  stat(): Promise<PipelineStat> {
    if (this.#hooks.stat !== undefined) return this.#hooks.stat();
    const { pipeline, driver, priority } = this.#context;
    return Promise.resolve({
      pipeline,
      driver,
      queue: this.queue,
      active: this.#lent,
      delayed: 0,
      reserved: this.#waiting.length,
      ready: this.#isRunning,
      priority,
    });
  }

  #lend(): void {
    const { sink } = this.#context;
    while (this.#isRunning && this.#waiting.length > 0 && sink.room > 0) {
      const job = this.#waiting.shift()!;
      this.#lent++;
      this.#note(`lend ${job.name}`);
      sink.accept(this.#deliveryOf(job));
    }
  }

  #deliveryOf(job: Job): Delivery {
    const end = (line: string): void => {
      this.#lent--;
      this.#note(line);
    };
    const { extend } = this.#hooks;
    return {
      job,
      ...(extend === undefined ? {} : { leaseMs: LEASE_MS, extend }),
      ack: () => {
        end(`ack ${job.name}`);
        return this.#hooks.ack?.();
      },
      nack: ({ requeue }) => {
        end(`nack ${job.name}${requeue ? ' requeue' : ''}`);
        if (requeue) this.#waiting.push(job);
      },
      requeue: () => {
        end(`requeue ${job.name}`);
        this.#waiting.push(job);
      },
      release: () => {
        end(`release ${job.name}`);
        this.#waiting.unshift(job);
      },
    };
  }

  #note(line: string): void {
    this.log.push(line);
  }
}

/** A kernel whose pipeline `q` has a {@link DurableDriver}. */
export async function openDurable(options: KernelOptions = {}, hooks: DurableHooks = {}): Promise<OpenedKernel & { driver: DurableDriver }> {
  let driver: DurableDriver | undefined;
  const module: DriverModule<object> = {
    capabilities: { ...capabilities, persistent: true },
    options: [],
    createDriver: (context) => (driver = new DurableDriver(context, hooks)),
  };
  const opened = await openKernel(
    { pipelines: { q: { driver: 'durable' } }, failed: { store: 'memory' }, ...options },
    { drivers: { durable: () => Promise.resolve(module as unknown as DriverModule) } },
  );
  return { ...opened, driver: driver! };
}
