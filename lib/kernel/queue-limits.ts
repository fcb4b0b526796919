/** What the priority queues of a kernel may hold together, by jobs and by bytes. */
export class QueueLimits {
  readonly #maxJobs: number;
  readonly #maxBytes: number;
  readonly #waiting = new Set<() => void>();
  #jobs = 0;
  #bytes = 0;

  constructor(maxJobs: number, maxBytes: number) {
    this.#maxJobs = maxJobs;
    this.#maxBytes = maxBytes;
  }

  /** Unit: bytes of payloads and headers, queued and running. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Jobs that fit now; 0 or less is full. */
  get room(): number {
    return this.#bytes >= this.#maxBytes ? 0 : this.#maxJobs - this.#jobs;
  }

  add(bytes: number): void {
    this.#jobs++;
    this.#bytes += bytes;
  }

  /** A job left the queue; its bytes stay until its run is over. */
  jobLeft(): void {
    this.#jobs--;
    if (this.#waiting.size > 0) this.#tell();
  }

  bytesFreed(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#waiting.size > 0) this.#tell();
  }

  /** Calls back at every change until `stopWaiting`. */
  wait(listener: () => void): void {
    this.#waiting.add(listener);
  }

  stopWaiting(listener: () => void): void {
    this.#waiting.delete(listener);
  }

  #tell(): void {
    for (const listener of [...this.#waiting]) listener();
  }
}
