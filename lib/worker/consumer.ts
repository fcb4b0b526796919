import type { ReceivedTask } from '../client/received-task.js';
import { messageOf } from '../contract/thrown.js';
import { Payload } from './payload.js';
import { receivedJob } from './received-job.js';
import { TaskAnswer, WorkerTask, type SendAnswer } from './worker-task.js';
import { Worker } from './worker.js';

/** Makes tasks of payloads. @publicApi */
export interface ReceivedTaskFactory {
  /** @param send - Sends the body of the answer. */
  create(payload: Payload, send: SendAnswer): ReceivedTask;
}

/** @publicApi */
export interface ConsumerOptions {
  /** Default: tasks whose answers are those of RoadRunner's PHP client. */
  readonly factory?: ReceivedTaskFactory;
}

/** @publicApi */
export class WorkerTaskFactory implements ReceivedTaskFactory {
  /** @throws {@link KernelProtocolError} when the payload is no job. */
  create(payload: Payload, send: SendAnswer): ReceivedTask {
    const received = receivedJob(payload.headerText(), payload.body);
    return new WorkerTask(received.job, new TaskAnswer(received, send));
  }
}

/**
 * The jobs of a process that a kernel spawned, one by one: the kernel sends the next one when this one is settled. It does not look at `RR_MODE`.
 *
 * @example
 * for await (const task of new Consumer()) {
 *   try {
 *     await send(task.json());
 *     await task.ack();
 *   } catch (error) {
 *     await task.fail(error, { requeue: true });
 *   }
 * }
 *
 * @publicApi
 */
export class Consumer implements AsyncIterable<ReceivedTask> {
  readonly #worker: Worker;
  readonly #factory: ReceivedTaskFactory;

  constructor(worker: Worker = Worker.create(), options: ConsumerOptions = {}) {
    this.#worker = worker;
    this.#factory = options.factory ?? new WorkerTaskFactory();
  }

  /**
   * The next job; `undefined` when the kernel asked this process to stop, or is gone. Its payload belongs to the caller.
   *
   * @throws {@link KernelProtocolError} (as a rejection) when what came is no job; the kernel was told so and the next call goes on.
   * @throws whatever {@link Worker.waitPayload} rejects with.
   */
  async waitTask(): Promise<ReceivedTask | undefined> {
    const payload = await this.#worker.waitPayload();
    if (payload === undefined) return undefined;
    try {
      return this.#factory.create(payload, (body) => this.#worker.respond(new Payload(body)));
    } catch (error) {
      await this.#worker.error(messageOf(error));
      throw error;
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ReceivedTask> {
    for (let task = await this.waitTask(); task !== undefined; task = await this.waitTask()) yield task;
  }
}
