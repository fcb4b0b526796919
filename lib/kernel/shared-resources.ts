import type { SharedResources } from '../contract/driver.js';

interface Resource {
  readonly opened: Promise<{ close(): Promise<void> }>;
  users: number;
}

/** Opens each resource once and closes it with its last user. */
export class Resources implements SharedResources {
  readonly #resources = new Map<string, Resource>();

  async share<T extends { close(): Promise<void> }>(key: string, open: () => Promise<T>): Promise<T> {
    let resource = this.#resources.get(key);
    if (resource === undefined) this.#resources.set(key, (resource = { opened: open(), users: 0 }));
    resource.users++;
    try {
      return (await resource.opened) as T;
    } catch (error) {
      this.#resources.delete(key);
      throw error;
    }
  }

  async release(key: string): Promise<void> {
    const resource = this.#resources.get(key);
    if (resource === undefined || --resource.users > 0) return;
    this.#resources.delete(key);
    await (await resource.opened).close();
  }
}
