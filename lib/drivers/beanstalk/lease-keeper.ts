import type { Clock, Timer } from '../../contract/clock.js';
import type { Lane, LeasedJob } from './lane.js';

/** Jobs are looked at this often. The shortest time to run that beanstalkd knows is a second. Unit: milliseconds. */
const TICK_MS = 250;

/** Tells beanstalkd of held jobs before their time to run is over, so that a long run is not handed out twice. */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #lanes: ReadonlySet<Lane>;
  readonly #onLost: (leased: LeasedJob) => void;
  #timer: Timer | undefined;

  constructor(clock: Clock, lanes: ReadonlySet<Lane>, onLost: (leased: LeasedJob) => void) {
    this.#clock = clock;
    this.#lanes = lanes;
    this.#onLost = onLost;
  }

  /** When a job reserved now has to be touched first: its time to run is not known before. */
  firstTouchAt(): number {
    return this.#clock.monotonic() + TICK_MS;
  }

  start(): void {
    this.#timer ??= this.#clock.setTimer(TICK_MS, () => this.#tick(), { keepsAlive: false });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tick(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    let isAnyHeld = false;
    for (const lane of this.#lanes) {
      if (lane.held.size > 0) isAnyHeld = true;
      for (const leased of lane.held.values()) if (leased.touchAt <= now) this.#touch(lane, leased, now);
    }
    if (isAnyHeld) this.start();
  }

  // Who pushed it chose the time to run, so it is asked for, once and only for jobs that take a while.
  #touch(lane: Lane, leased: LeasedJob, now: number): void {
    leased.touchAt = now + TICK_MS;
    lane.touch(leased, {
      replied: ({ word }) => {
        if (word !== 'NOT_FOUND' || !lane.holds(leased)) return;
        lane.held.delete(leased.number);
        this.#onLost(leased);
      },
      failed: () => {},
    });
    // Without an answer it is touched at every tick.
    lane.termsOf(leased).then(
      ({ ttrMs }) => (leased.touchAt = now + Math.max(TICK_MS, ttrMs / 3)),
      () => {},
    );
  }
}
