import type { Delivery } from '../../lib/contract/driver.js';
import { JobRecord, NO_HEADERS, type Job, type JobHeaders, type KafkaPlace, type Payload } from '../../lib/contract/job.js';
import type { Inbox } from './inbox.js';

export interface JobInput {
  readonly name?: string;
  readonly pipeline?: string;
  readonly payload?: Payload;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly priority?: number;
  readonly delayMs?: number;
  readonly autoAck?: boolean;
  readonly id?: string;
  readonly kafka?: KafkaPlace;
}

/** A job for pipeline `contract`, with what a test says of it. */
export function aJob(input: JobInput = {}): Job {
  const { name = 'job', pipeline = 'contract', payload = '', priority = 0, delayMs = 0, autoAck = false, id, kafka } = input;
  const headers: JobHeaders =
    input.headers === undefined ? NO_HEADERS : Object.assign(Object.create(null) as Record<string, readonly string[]>, input.headers);
  return new JobRecord(name, pipeline, payload, headers, priority, delayMs, autoAck, id, kafka);
}

/** Names of the next jobs, each of them acknowledged before the next one is taken. */
export async function ackInTurn(inbox: Inbox<Delivery>, count: number): Promise<string[]> {
  const names: string[] = [];
  while (names.length < count) {
    const delivery = await inbox.next();
    names.push(delivery.job.name);
    await delivery.ack();
  }
  return names;
}

/** The payload as bytes, whatever it is kept as. */
export function bytesOf(payload: Payload): number[] {
  return [...(typeof payload === 'string' ? new TextEncoder().encode(payload) : payload)];
}

export function textOf(payload: Payload): string {
  return typeof payload === 'string' ? payload : new TextDecoder().decode(payload);
}
