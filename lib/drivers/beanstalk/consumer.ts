import type { Clock, Timer } from '../../contract/clock.js';
import type { DeliverySink } from '../../contract/driver.js';
import type { BeanstalkClient, ReplyHandler } from './client.js';
import { Lane } from './lane.js';
import type { Reply } from './reply-reader.js';

export interface ConsumerOptions {
  readonly clock: Clock;
  readonly sink: DeliverySink;
  readonly reserveSeconds: number;
  /** A connection that watches the tube; rejects when there is none to be had. */
  connect(): Promise<BeanstalkClient>;
  /** A job was reserved. */
  received(lane: Lane, reply: Reply): void;
  /** Jobs that are on their way to the sink, beside those asked for. */
  underway(): number;
  lost(lane: Lane, error: Error): void;
}

/** Questions under way at once. More gains nothing: beanstalkd answers one after the other. */
const MAX_WINDOW = 128;
/** Beyond it jobs are looked for every so often, instead of one more connection. */
const MAX_LANES = 64;
const LOOK_MS = 50;
const DIAL_AGAIN_MS = 500;

type Activity = 'none' | 'opening' | 'asking' | 'settling' | 'waiting' | 'later';

/**
 * Reserves jobs of a tube while there is room.
 *
 * A connection that waits for a job answers nothing else, and only the connection that reserved a job may delete it. So jobs that are there are taken
 * without waiting, many at once, and only a connection that holds none waits for the next one: an acknowledgement never stands behind a wait.
 */
export class Consumer {
  readonly lanes = new Set<Lane>();
  readonly #options: ConsumerOptions;
  readonly #next = (): void => this.#pump();
  readonly #ready: (() => void)[] = [];
  readonly #quiet: (() => void)[] = [];
  readonly #asked: ReplyHandler;
  #isActive = false;
  #activity: Activity = 'none';
  #waiting: Lane | undefined;
  #asking: Lane | undefined;
  #window = 1;
  #questions = 0;
  #isEmpty = false;
  #timer: Timer | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#asked = { replied: (reply) => this.#answered(reply), failed: () => this.#answered(undefined) };
  }

  get isReady(): boolean {
    return this.#isActive && this.lanes.size > 0;
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  start(): void {
    this.#isActive = true;
    this.#isEmpty = false;
    // A pause that is not over has no end to wait for: more is asked for again.
    for (const resolve of this.#quiet.splice(0)) resolve();
    this.#pump();
  }

  /** Resolves when a connection stands, after `limitMs` at the latest. */
  whenReady(limitMs: number): Promise<void> {
    if (this.lanes.size > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = this.#options.clock.setTimer(limitMs, resolve);
      this.#ready.push(() => {
        limit.cancel();
        resolve();
      });
    });
  }

  /** Asks for no more jobs; resolves when no more come. What is held stays held. */
  pause(): Promise<void> {
    this.#isActive = false;
    this.#timer?.cancel();
    if (this.#activity === 'later') this.#activity = 'none';
    if (this.#waiting !== undefined) this.#drop(this.#waiting);
    if (this.#questions === 0) return Promise.resolve();
    return new Promise((resolve) => this.#quiet.push(resolve));
  }

  /** Ends all connections: beanstalkd puts back what they hold. */
  close(): void {
    this.#isActive = false;
    this.#timer?.cancel();
    for (const lane of [...this.lanes]) this.#drop(lane);
    for (const resolve of this.#ready.splice(0)) resolve();
  }

  #drop(lane: Lane): void {
    this.lanes.delete(lane);
    lane.held.clear();
    lane.client.close();
  }

  #pump(): void {
    if (!this.#isActive || this.#activity !== 'none') return;
    if (this.lanes.size === 0) return this.#open();
    if (this.#room() <= 0) return this.#options.sink.onRoom(this.#next);
    if (this.#isEmpty) this.#wait();
    else this.#ask();
  }

  #room(): number {
    return this.#options.sink.room - this.#questions - this.#options.underway();
  }

  #ask(): void {
    this.#activity = 'asking';
    // The one that holds most already: the others become free to wait.
    this.#asking = [...this.lanes].reduce((most, lane) => (lane.held.size > most.held.size ? lane : most));
    this.#askMore();
  }

  #askMore(): void {
    while (this.#questions < this.#window && this.#room() > 0) {
      this.#questions++;
      this.#asking!.client.tell('reserve-with-timeout 0', this.#asked);
    }
  }

  #answered(reply: Reply | undefined): void {
    this.#questions--;
    if (reply?.word === 'RESERVED') {
      this.#window = Math.min(this.#window * 2, MAX_WINDOW);
      this.#options.received(this.#asking!, reply);
    } else {
      // A lost connection gives its jobs back: they are there.
      this.#isEmpty = reply !== undefined;
    }
    if (reply?.word === 'RESERVED' && this.#isActive && !this.#isEmpty) this.#askMore();
    if (this.#questions > 0) return;
    // Step by step: a tube that is empty for a moment in the middle of a rush is asked for many at once again.
    if (this.#isEmpty) this.#window = Math.max(1, this.#window >> 2);
    this.#activity = 'none';
    for (const resolve of this.#quiet.splice(0)) resolve();
    this.#pump();
  }

  #wait(): void {
    const empty = [...this.lanes].filter((lane) => lane.held.size === 0);
    const free = empty.find(({ client }) => client.isIdle) ?? empty[0];
    if (free === undefined) return this.lanes.size < MAX_LANES ? this.#open() : this.#later(LOOK_MS);
    for (const lane of empty.filter((other) => other !== free).slice(1)) if (lane.client.isIdle) this.#drop(lane);
    if (!free.client.isIdle) return this.#whenIdle(free);
    this.#activity = 'waiting';
    this.#waiting = free;
    const end = (word: string | undefined): void => {
      this.#waiting = undefined;
      this.#activity = 'none';
      this.#isEmpty = word === 'TIMED_OUT';
      // Anything else is a broker in need: it is left alone for a moment.
      if (this.#isActive && word !== undefined && word !== 'TIMED_OUT' && word !== 'RESERVED') this.#later(LOOK_MS);
      else this.#pump();
    };
    free.client.waitForJob(this.#options.reserveSeconds, {
      replied: (reply) => {
        if (reply.word === 'RESERVED') this.#options.received(free, reply);
        end(reply.word);
      },
      failed: () => end(undefined),
    });
  }

  // A wait that is given up takes the commands before it with it, such as the deletion of a job that is done.
  #whenIdle(lane: Lane): void {
    this.#activity = 'settling';
    void lane.client.whenIdle().then(() => {
      this.#activity = 'none';
      this.#pump();
    });
  }

  #later(delayMs: number): void {
    this.#activity = 'later';
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#activity = 'none';
      this.#isEmpty = false;
      this.#pump();
    });
  }

  #open(): void {
    this.#activity = 'opening';
    this.#options.connect().then(
      (client) => this.#opened(client),
      () => {
        this.#activity = 'none';
        if (this.#isActive) this.#later(DIAL_AGAIN_MS);
      },
    );
  }

  #opened(client: BeanstalkClient): void {
    this.#activity = 'none';
    if (!this.#isActive) return client.close();
    const lane = new Lane(client);
    this.lanes.add(lane);
    client.onLost = (error) => {
      this.lanes.delete(lane);
      this.#options.lost(lane, error);
      lane.held.clear();
      this.#pump();
    };
    for (const resolve of this.#ready.splice(0)) resolve();
    this.#pump();
  }
}
