import { failureOfCommit } from '../../files/lmdb-file.js';
import type { EmbeddedDelivery } from './delivery.js';
import { encodeRecord } from './record.js';
import type { UnwatchedWrites } from './removals.js';

/**
 * Jobs with `autoAck`: each leaves the disk before it runs, so that no death of the process can run it a second time.
 * Others do not wait for that.
 */
export class AutoAcks {
  readonly #writes: UnwatchedWrites;
  readonly #removed: (deliveries: readonly EmbeddedDelivery[]) => void;
  readonly #leaving = new Set<EmbeddedDelivery>();
  #group: { readonly commit: Promise<boolean>; readonly deliveries: EmbeddedDelivery[] } | undefined;

  /** @param removed - Lends what has left the disk. */
  constructor(writes: UnwatchedWrites, removed: (deliveries: readonly EmbeddedDelivery[]) => void) {
    this.#writes = writes;
    this.#removed = removed;
  }

  /** Jobs whose removal is not on the disk. */
  get count(): number {
    return this.#leaving.size;
  }

  /** One watcher for all removals of a commit. */
  remove(delivery: EmbeddedDelivery): void {
    this.#leaving.add(delivery);
    const commit = this.#writes.database.remove(delivery.key);
    if (this.#group?.commit !== commit) {
      const deliveries: EmbeddedDelivery[] = [];
      this.#group = { commit, deliveries };
      commit.then(
        () => this.#removed(this.#left(deliveries)),
        async (error: unknown) => this.#failed(deliveries, await failureOfCommit(error)),
      );
    }
    this.#group.deliveries.push(delivery);
  }

  /** Takes back what is on its way: nothing of it will be told of. It is to be put back. */
  recall(): EmbeddedDelivery[] {
    const recalled = [...this.#leaving];
    this.#leaving.clear();
    return recalled;
  }

  // At its old key, so at its old place: its start was not noted under this key, so no death can be counted for it.
  putBack({ key, job, starts }: EmbeddedDelivery): void {
    const value = encodeRecord(job, job.headers, job.priority);
    value[0] = starts;
    const { database, report } = this.#writes;
    database
      .put(key, value)
      .catch(async (error: unknown) => report(await failureOfCommit(error), 'A job with autoAck was given back and is in memory only.'));
  }

  // Its turn comes when the disk takes the removal; it may be recalled meanwhile.
  #failed(deliveries: readonly EmbeddedDelivery[], cause: unknown): void {
    const { report, retries } = this.#writes;
    report(cause, `${deliveries.length} job${deliveries.length === 1 ? '' : 's'} with autoAck will start later.`);
    retries.later(() => {
      for (const delivery of deliveries) if (this.#leaving.has(delivery)) this.remove(delivery);
    });
  }

  #left(deliveries: readonly EmbeddedDelivery[]): EmbeddedDelivery[] {
    const left = deliveries.filter((one) => this.#leaving.delete(one));
    for (const delivery of left) delivery.isRemoved = true;
    return left;
  }
}
