import { mkdirSync, watch, type FSWatcher } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deadline } from 'nestjs-roadrunner/kernel';
import type { KernelService, KernelServiceContext, WorkerPool, WorkerState } from 'nestjs-roadrunner';

/** Watches a folder: each file that is put there becomes a payload, its name the header and its bytes the body. */
export class FolderService implements KernelService {
  readonly name = 'folder';
  readonly #given = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #path = '';
  #context: KernelServiceContext | undefined;
  #pool: WorkerPool | undefined;
  #watcher: FSWatcher | undefined;

  init(config: unknown, context: KernelServiceContext): boolean {
    this.#path = (config as { readonly path?: string } | undefined)?.path ?? '';
    this.#context = context;
    return this.#path !== ''; // without a folder there is nothing to do
  }

  async serve(onError: (error: Error) => void): Promise<void> {
    mkdirSync(this.#path, { recursive: true });
    this.#pool = await this.#context!.pools.create({ mode: this.name, settings: { num_workers: 2 }, path: 'folder.workers' });
    this.#watcher = watch(this.#path, () => void this.#look()).on('error', onError);
    await this.#look();
  }

  async stop(deadline: Deadline): Promise<void> {
    this.#watcher?.close();
    await Promise.race([Promise.all(this.#running), new Promise((end) => setTimeout(end, deadline.remainingMs()).unref())]);
    await this.#pool?.stop(deadline);
  }

  workers(): readonly WorkerState[] {
    return this.#pool?.workers() ?? [];
  }

  async reset(): Promise<void> {
    await this.#pool?.reset();
  }

  // A file is put here whole: by a rename, as `mv` does it.
  async #look(): Promise<void> {
    for (const file of await readdir(this.#path)) {
      if (file.startsWith('.') || this.#given.has(file)) continue;
      this.#given.add(file);
      const run = this.#give(file).finally(() => this.#running.delete(run));
      this.#running.add(run);
    }
  }

  async #give(file: string): Promise<void> {
    const { logger } = this.#context!;
    try {
      const body = await readFile(join(this.#path, file));
      const answer = await this.#pool!.execute({ context: Buffer.from(JSON.stringify({ file })), body });
      logger.info(`${file}: ${Buffer.from(answer.body).toString()}`);
    } catch (error) {
      logger.error(`${file} could not be read: ${String(error)}`);
    }
  }
}
