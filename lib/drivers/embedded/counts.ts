import { Region, regionOf } from './key.js';

/** How many jobs of a pipeline are stored, and how many of them are lent, by the region of their keys. */
export class JobCounts {
  #ready = 0;
  #delayed = 0;
  #lentReady = 0;
  #lentDelayed = 0;

  /** @param change - More or fewer jobs in the file. */
  stored(key: Buffer, change: number): void {
    this.add(regionOf(key) === Region.ready ? Region.ready : Region.delayed, change);
  }

  add(region: Region, change: number): void {
    if (region === Region.ready) this.#ready += change;
    else this.#delayed += change;
  }

  /** @param change - More or fewer jobs with the kernel. */
  lent(key: Buffer, change: number): void {
    if (regionOf(key) === Region.ready) this.#lentReady += change;
    else this.#lentDelayed += change;
  }

  /** Lent jobs; those that wait for their time; those that wait for room. */
  get stat(): { readonly active: number; readonly delayed: number; readonly reserved: number } {
    return {
      active: this.#lentReady + this.#lentDelayed,
      delayed: this.#delayed - this.#lentDelayed,
      reserved: this.#ready - this.#lentReady,
    };
  }
}
