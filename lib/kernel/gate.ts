/** What waits at a closed gate. */
export interface Parked {
  unpark(): void;
}

/** Lets at most `limit` jobs of a pipeline run at once. Lanes that meet it closed are parked until someone leaves. */
export class Gate {
  #inside = 0;
  #parked: Parked[] = [];

  constructor(readonly limit: number) {}

  enter(): boolean {
    if (this.#inside >= this.limit) return false;
    this.#inside++;
    return true;
  }

  park(lane: Parked): void {
    this.#parked.push(lane);
  }

  leave(): void {
    this.#inside--;
    if (this.#parked.length === 0) return;
    const lanes = this.#parked;
    this.#parked = [];
    for (const lane of lanes) lane.unpark();
  }
}
