import { ReceivedTask, type FailOptions, type TaskControl } from '../client/received-task.js';
import type { Outcome } from '../contract/executor.js';
import type { JobHeaders } from '../contract/job.js';
import { AnswerType, encodeAnswer, plainAnswer, type JobAnswer } from '../wire/job-answer.js';
import type { ReceivedJob } from './received-job.js';

/** Sends the body of an answer. */
export type SendAnswer = (body: Uint8Array) => Promise<void>;

/** A form of answer that an outcome alone does not tell: the PHP client has two words for success and two for another run. */
interface AnswerForm {
  readonly type: typeof AnswerType.success | typeof AnswerType.error;
  readonly headers: JobHeaders;
}

/** What a task of a plain worker settles: its kernel. */
export class TaskAnswer implements TaskControl {
  readonly driver: string;
  readonly queue: string;
  isSettled = false;
  readonly #send: SendAnswer;
  #form: AnswerForm | undefined;

  constructor({ driver, queue }: ReceivedJob, send: SendAnswer) {
    this.driver = driver;
    this.queue = queue;
    this.#send = send;
  }

  /** Settles in another form; `settle` is to call {@link TaskAnswer.settle} before it returns. */
  inForm<T>(form: AnswerForm, settle: () => T): T {
    this.#form = form;
    try {
      return settle();
    } finally {
      this.#form = undefined;
    }
  }

  settle(outcome: Outcome): Promise<void> {
    const body = encodeAnswer(this.#answerOf(outcome));
    this.isSettled = true;
    return this.#send(body);
  }

  #answerOf(outcome: Outcome): JobAnswer {
    const plain = plainAnswer(outcome);
    if (this.#form === undefined) return plain;
    const { type, headers } = this.#form;
    if (type === AnswerType.success) return { type };
    if (plain.type === AnswerType.requeue) return { type, message: plain.message, requeue: true, delayMs: plain.delayMs, headers: plain.headers };
    return plain.type === AnswerType.error ? { ...plain, headers } : plain;
  }
}

/** A job in the hands of a plain worker. Its answers are those of RoadRunner's PHP client, byte for byte. */
export class WorkerTask extends ReceivedTask {
  declare protected readonly control: TaskAnswer;

  override complete(): Promise<void> {
    return this.control.inForm({ type: AnswerType.success, headers: this.headers }, () => super.ack());
  }

  override fail(error: unknown, options: FailOptions | boolean = false): Promise<void> {
    return this.control.inForm({ type: AnswerType.error, headers: this.headers }, () => super.fail(error, options));
  }
}
