// The smallest kernel that still is one: a job object, a queue of rings by priority, 64 slots, a handler, an ack. It has no drivers, names,
// pipelines, limits, retries, events or statistics, and hands nothing back from a push. What the library adds is measured against it.

const SLOTS = 64;

/** Bucket queue: one ring per priority, the lowest priority first. */
class BucketQueue {
  /** @type {Map<number, Ring>} */
  #rings = new Map();
  /** @type {number[]} - Sorted. */
  #priorities = [];

  /** @param {Job} job */
  push(job) {
    let ring = this.#rings.get(job.priority);
    if (ring === undefined) {
      this.#rings.set(job.priority, (ring = new Ring()));
      this.#priorities.push(job.priority);
      this.#priorities.sort((a, b) => a - b);
    }
    ring.push(job);
  }

  shift() {
    for (const priority of this.#priorities) {
      const job = this.#rings.get(priority)?.shift();
      if (job !== undefined) return job;
    }
    return undefined;
  }
}

class Ring {
  /** @type {(Job | undefined)[]} */
  #slots = new Array(16);
  #head = 0;
  #length = 0;

  /** @param {Job} job */
  push(job) {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length++) & (this.#slots.length - 1)] = job;
  }

  shift() {
    if (this.#length === 0) return undefined;
    const job = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    return job;
  }

  #grow() {
    const slots = new Array(this.#slots.length * 2);
    for (let index = 0; index < this.#length; index++) slots[index] = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
    this.#slots = slots;
    this.#head = 0;
  }
}

/**
 * @typedef {object} Job
 * @property {string} name
 * @property {string | Uint8Array} payload
 * @property {number} priority
 * @property {string | undefined} id
 * @property {undefined} headers
 * @property {number} delayMs
 * @property {boolean} autoAck
 * @property {number} state
 */

export class Prototype {
  #queue = new BucketQueue();
  /** @type {(job: Job) => unknown} */
  #handle;
  #running = 0;
  acked = 0;
  #isRunning = false;
  #isScheduled = false;
  #turn = () => this.#dispatch();
  #ack = () => {
    this.#running--;
    this.acked++;
    this.#dispatch();
  };

  /** @param {(job: Job) => unknown} handle */
  constructor(handle) {
    this.#handle = handle;
  }

  /**
   * @param {string} name
   * @param {string | Uint8Array} payload
   */
  push(name, payload) {
    this.#queue.push({ name, payload, priority: 10, id: undefined, headers: undefined, delayMs: 0, autoAck: false, state: 0 });
    if (this.#isRunning) this.#schedule();
  }

  pause() {
    this.#isRunning = false;
  }

  resume() {
    this.#isRunning = true;
    this.#schedule();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void Promise.resolve().then(this.#turn);
  }

  #dispatch() {
    this.#isScheduled = false;
    while (this.#running < SLOTS && this.#isRunning) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#running++;
      const result = this.#handle(job);
      if (result instanceof Promise) {
        void result.then(this.#ack);
      } else {
        this.#running--;
        this.acked++;
      }
    }
  }
}
