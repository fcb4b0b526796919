import { Dispatcher, JobsKernel, type KernelDispatcher, type KernelEnvironment } from 'nestjs-roadrunner';
import { Payload, Worker } from 'nestjs-roadrunner/worker';
import { Memory } from '../memory.js';

/** Serves the folder in the processes that its service spawned: counts the words of a file. */
@Dispatcher()
export class FolderDispatcher implements KernelDispatcher {
  constructor(
    private readonly kernel: JobsKernel,
    private readonly memory: Memory,
  ) {}

  canServe(environment: KernelEnvironment): boolean {
    return environment.isSpawnedFor('folder');
  }

  async serve(): Promise<void> {
    const worker = Worker.create(); // not earlier: it takes the relay
    for (let file = await worker.waitPayload(); file !== undefined; file = await worker.waitPayload()) {
      const words = file.text().split(/\s+/).filter(Boolean);
      for (const word of words) this.memory.add(word.toLowerCase());
      await worker.respond(new Payload(`${words.length} words, ${this.memory.size} of them different (counted by process ${process.pid})`));
      await this.kernel.finalizer.finalize();
    }
  }
}
