import { tmpdir } from 'node:os';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { Delivery, DeliverySink, Driver } from '../../lib/contract/driver.js';
import { createDriver, type BeanstalkOptions } from '../../lib/drivers/beanstalk.driver.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { Inbox } from './inbox.js';
import { createLog } from './kernel.js';

export interface DriverGiven {
  readonly options?: BeanstalkOptions;
  readonly section?: Readonly<Record<string, unknown>>;
  readonly pipeline?: string;
  readonly isDeclared?: boolean;
  readonly room?: number;
  /** Instead of `room`. */
  readonly sink?: (inbox: Inbox<Delivery>) => DeliverySink;
  readonly pushTimeoutMs?: number;
}

export interface OpenedDriver {
  readonly driver: Driver;
  readonly inbox: Inbox<Delivery>;
  readonly log: ReturnType<typeof createLog>;
}

const STOP_MS = 5_000;
const opened: Driver[] = [];
let tubes = 0;

/** A name that no other test uses. */
export function freshTube(): string {
  return `nrr-${process.pid}-${Date.now().toString(36)}-${++tubes}`;
}

/** A driver of its own kernel, opened and not run. */
export async function openBeanstalk(given: DriverGiven = {}): Promise<OpenedDriver> {
  const { options = {}, section, pipeline = 'contract', isDeclared = false, room = Infinity, pushTimeoutMs = 10_000 } = given;
  const inbox = new Inbox<Delivery>();
  const log = createLog();
  const driver = createDriver({
    pipeline,
    driver: 'beanstalk',
    priority: 10,
    options,
    ...(section === undefined ? {} : { section }),
    sink: given.sink?.(inbox) ?? { room, accept: (delivery) => inbox.put(delivery), onRoom: () => {} },
    clock: systemClock,
    logger: log,
    pushTimeoutMs,
    dataDir: tmpdir(),
    isDeclared,
    resources: new Resources(),
  });
  opened.push(driver);
  await driver.open?.();
  return { driver, inbox, log };
}

export function stopNow(driver: Driver): Promise<void> {
  return driver.stop(deadlineAfter(systemClock, STOP_MS));
}

/** To be called after each test. */
export async function stopDrivers(): Promise<void> {
  await Promise.all(opened.splice(0).map(stopNow));
}
