import { setImmediate as turn } from 'node:timers/promises';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { Delivery, Driver } from '../../lib/contract/driver.js';
import { silentLogger } from '../../lib/contract/logger.js';
import { createDriver } from '../../lib/drivers/embedded.driver.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { aJob } from '../support/jobs.js';
import { createTempFolder } from '../support/temp-folder.js';

const SEEDS = Number(process.env['NRR_SEEDS'] ?? 8);
const STEPS = 150;

/** Numbers below 1, the same for the same seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A pipeline to which anything may be done at any moment, and the ledger of its jobs. */
class RandomWalk {
  readonly #random: () => number;
  readonly #dataDir = createTempFolder();
  readonly #lent: Delivery[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  /** How often each job was acknowledged, or taken out by hand. */
  readonly ends = new Map<string, number>();
  /** Jobs that came again after their end. */
  readonly again: string[] = [];
  #driver!: Driver;
  #room = 5;
  #onRoom: () => void = () => {};
  #isPaused = false;

  constructor(seed: number) {
    this.#random = numbers(seed);
  }

  async open(): Promise<void> {
    this.#driver = createDriver({
      pipeline: 'contract',
      driver: 'embedded',
      priority: 10,
      options: {},
      sink: this.#sink(),
      clock: systemClock,
      logger: silentLogger,
      pushTimeoutMs: 60_000,
      dataDir: this.#dataDir,
      isDeclared: false,
      resources: new Resources(),
    });
    await this.#driver.open!();
    await this.#driver.run();
    this.#isPaused = false;
  }

  async step(): Promise<void> {
    const chance = this.#random();
    if (chance < 0.35) for (let left = this.#below(6); left >= 0; left--) this.#push();
    else if (chance < 0.75) this.#settle();
    else if (chance < 0.8) await this.#turnOver();
    else if (chance < 0.84) this.#track(this.#driver.promote!(this.#anyId()));
    else if (chance < 0.88) this.#remove(this.#anyId());
    else if (chance < 0.91) this.#makeRoom(1 + this.#below(10));
    else if (chance < 0.98) await turn();
    else await this.#restart();
  }

  /** Acknowledges all that is left, until nothing is. */
  async finish(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#isPaused) await this.#turnOver();
    this.#makeRoom(Infinity);
    for (let left = 1; left > 0;) {
      await turn();
      for (const delivery of this.#lent.splice(0)) this.#end(delivery);
      const { active, delayed, reserved } = await this.#driver.stat();
      left = active + delayed + reserved;
    }
    await this.#restart();
  }

  /** Jobs in the file. */
  async left(): Promise<number> {
    return (await this.#driver.browse!({})).jobs.length;
  }

  close(): Promise<void> {
    return this.#driver.stop(deadlineAfter(systemClock, 5_000));
  }

  #push(): void {
    const id = `job-${this.ends.size}`;
    this.ends.set(id, 0);
    const delayMs = this.#random() < 0.3 ? this.#below(15) : 0;
    this.#track(this.#driver.push(aJob({ id, priority: this.#below(3), delayMs, autoAck: this.#random() < 0.2 })));
  }

  #settle(): void {
    const [delivery] = this.#lent.splice(this.#below(this.#lent.length), 1);
    if (delivery === undefined) return;
    if (this.#random() < 0.5) this.#driver.starting!([delivery]);
    const delayMs = this.#random() < 0.5 ? this.#below(10) : 0;
    const chance = this.#random();
    if (delivery.job.autoAck || chance < 0.5) this.#end(delivery);
    else if (chance < 0.65) this.#track(delivery.nack({ requeue: true, delayMs }));
    else if (chance < 0.85) this.#track(delivery.requeue({ headers: delivery.job.headers, delayMs }));
    else this.#track(delivery.release!());
    this.#makeRoom(this.#room);
  }

  #end(delivery: Delivery): void {
    this.#count(delivery.job.id);
    this.#track(delivery.ack());
  }

  #remove(id: string): void {
    this.#track(this.#driver.remove!(id).then((isRemoved) => isRemoved && this.#count(id)));
  }

  #count(id: string): void {
    this.ends.set(id, this.ends.get(id)! + 1);
  }

  async #turnOver(): Promise<void> {
    await (this.#isPaused ? this.#driver.resume() : this.#driver.pause());
    this.#isPaused = !this.#isPaused;
  }

  // As the kernel stops: what was not started goes back.
  async #restart(): Promise<void> {
    await Promise.all(this.#underWay);
    await this.#driver.pause();
    for (const delivery of this.#lent.splice(0).reverse()) void delivery.release!();
    await this.close();
    await this.open();
  }

  #makeRoom(room: number): void {
    this.#room = room;
    if (room <= this.#lent.length) return;
    const tell = this.#onRoom;
    this.#onRoom = () => {};
    tell();
  }

  #sink() {
    const room = (): number => this.#room - this.#lent.length;
    return {
      get room(): number {
        return room();
      },
      accept: (delivery: Delivery): void => {
        if (this.ends.get(delivery.job.id) !== 0) this.again.push(delivery.job.id);
        this.#lent.push(delivery);
      },
      onRoom: (callback: () => void): void => {
        this.#onRoom = callback;
      },
    };
  }

  #track(done: void | Promise<unknown>): void {
    if (done === undefined) return;
    const tracked: Promise<unknown> = done.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  #anyId(): string {
    return `job-${this.#below(this.ends.size)}`;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

describe('Whatever is done to an embedded pipeline', () => {
  it.each(Array.from({ length: SEEDS }, (_, index) => index + 1))('each job ends once, and nothing is left: seed %i', async (seed) => {
    const walk = new RandomWalk(seed);
    await walk.open();
    for (let step = 0; step < STEPS; step++) await walk.step();
    await walk.finish();
    expect({ ended: [...walk.ends].filter(([, ends]) => ends !== 1), again: walk.again, left: await walk.left() }).toEqual({
      ended: [],
      again: [],
      left: 0,
    });
    await walk.close();
  });
});
