import type { Flight } from './flight.js';

/** Numbers stay below 2^31: V8 gives a larger one an object of its own. */
const MAX_NUMBER = 0x7fff_ffff;
/** Places for each flight: most numbers then find theirs free. */
const SPARSENESS = 2;

/**
 * The flights of one worker by number, in a ring of places that is made once. A number is not given again before all the others were.
 *
 * No Map: it makes a new table after as many additions as it has places. V8 chains each table to the next one, and as soon as one of them
 * is in the old generation, all that come after it survive, with the flights that were in them: half of the garbage collector's work.
 */
export class FlightTable {
  readonly #places: (Flight | undefined)[];
  readonly #mask: number;
  #last: number;
  #size = 0;

  /**
   * @param most - Flights at once.
   * @param last - The number that counts as given last.
   */
  constructor(most: number, last = 0) {
    const places = 2 ** Math.ceil(Math.log2(most * SPARSENESS));
    this.#places = new Array<Flight | undefined>(places).fill(undefined);
    this.#mask = places - 1;
    this.#last = last;
  }

  get size(): number {
    return this.#size;
  }

  /** Gives it a number. Only while there are fewer than agreed. */
  add(flight: Flight): void {
    let number = this.#last;
    do number = number === MAX_NUMBER ? 1 : number + 1;
    while (this.#places[number & this.#mask] !== undefined);
    this.#last = flight.number = number;
    this.#places[number & this.#mask] = flight;
    this.#size++;
  }

  get(number: number): Flight | undefined {
    const flight = this.#places[number & this.#mask];
    return flight?.number === number ? flight : undefined;
  }

  delete(flight: Flight): void {
    if (this.get(flight.number) !== flight) return;
    this.#places[flight.number & this.#mask] = undefined;
    this.#size--;
  }

  clear(): void {
    this.#places.fill(undefined);
    this.#size = 0;
  }

  /** The one that was sent first. */
  get oldest(): Flight | undefined {
    if (this.#size === 0) return undefined;
    let oldest: Flight | undefined;
    for (const flight of this.#places) {
      if (flight !== undefined && (oldest === undefined || this.#age(flight) > this.#age(oldest))) oldest = flight;
    }
    return oldest;
  }

  /** In the order they were sent. */
  inOrder(): Flight[] {
    const flights = this.#places.filter((flight) => flight !== undefined);
    return flights.sort((one, other) => this.#age(other) - this.#age(one));
  }

  /** Numbers that were passed since. */
  #age({ number }: Flight): number {
    return (this.#last - number + MAX_NUMBER) % MAX_NUMBER;
  }
}
