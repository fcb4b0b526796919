import * as amqplib from 'amqplib';
import { tmpdir } from 'node:os';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { Delivery, Driver } from '../../lib/contract/driver.js';
import { silentLogger, type JobsLogger } from '../../lib/contract/logger.js';
import { createDriver, type AmqpOptions } from '../../lib/drivers/amqp.driver.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { Inbox } from './inbox.js';

export interface OpenAmqpOptions extends AmqpOptions {
  readonly pipeline?: string;
  readonly room?: number;
  readonly pushTimeoutMs?: number;
  readonly isDeclared?: boolean;
  readonly logger?: JobsLogger;
  readonly section?: Readonly<Record<string, unknown>>;
  readonly resources?: Resources;
}

export interface OpenedAmqp {
  readonly driver: Driver;
  readonly inbox: Inbox<Delivery>;
}

let names = 0;

/** A name that no other test uses. */
export function freshName(prefix = 'nrr-test'): string {
  return `${prefix}-${process.pid}-${Date.now().toString(36)}-${++names}`;
}

/** Drivers and plain connections of one spec file, ended after each test. */
export class AmqpBench {
  readonly #url: () => string;
  readonly #drivers: Driver[] = [];
  readonly #models: Awaited<ReturnType<typeof amqplib.connect>>[] = [];

  /** Call it inside a suite. */
  constructor(url: () => string) {
    this.#url = url;
    afterEach(async () => {
      await Promise.all(this.#drivers.splice(0).map((driver) => driver.stop(deadlineAfter(systemClock, 3_000))));
      await Promise.all(this.#models.splice(0).map((model) => model.close().catch(() => {})));
    });
  }

  async open(given: OpenAmqpOptions = {}): Promise<OpenedAmqp> {
    const {
      pipeline = 'emails',
      room = Infinity,
      pushTimeoutMs = 10_000,
      isDeclared = false,
      logger = silentLogger,
      section,
      resources,
      ...options
    } = given;
    const inbox = new Inbox<Delivery>();
    const driver = createDriver({
      pipeline,
      driver: 'amqp',
      priority: 10,
      options: section === undefined ? { addr: this.#url(), ...options } : options,
      ...(section === undefined ? {} : { section }),
      sink: { room, accept: (delivery) => inbox.put(delivery), onRoom: () => {} },
      clock: systemClock,
      logger,
      pushTimeoutMs,
      dataDir: tmpdir(),
      isDeclared,
      resources: resources ?? new Resources(),
    });
    this.#drivers.push(driver);
    await driver.open?.();
    return { driver, inbox };
  }

  async run(given: OpenAmqpOptions = {}): Promise<OpenedAmqp> {
    const opened = await this.open(given);
    await opened.driver.run();
    return opened;
  }

  /** A channel of another program. */
  async channel(url = this.#url()) {
    const model = await amqplib.connect(url);
    model.on('error', () => {});
    this.#models.push(model);
    const channel = await model.createConfirmChannel();
    channel.on('error', () => {});
    return channel;
  }
}
