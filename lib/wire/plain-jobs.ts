import { JobRecord, NO_HEADERS, type JobHeaders, type KafkaPlace } from '../contract/job.js';
import { readFields } from './body.js';
import type { PlainFields } from './plain-fields.js';
import { checkBatch, checkDelay, checkHeaders, checkJobSize, headerTextBytes } from './push-limits.js';

// Pushes as JSON or MessagePack: the messages of push-reader.ts with the names of the proto file, or of the Go structs.

/** As `PushReader.readPush`. */
export function readPlainPush(body: Uint8Array, codec: number): JobRecord | undefined {
  const request = readFields(body, codec, 'PushRequest', 'struct');
  const job = request.message('job', 'Job');
  return job.text('id') === '' ? undefined : jobOf(job, 'rpc_push');
}

/** As `PushReader.readBatch`. */
export function readPlainBatch(body: Uint8Array, codec: number, maxJobs: number): JobRecord[] {
  const request = readFields(body, codec, 'PushBatchRequest', 'slice');
  checkBatch(request.list('jobs').length, maxJobs);
  return request.messages('jobs', 'Job').map((job) => jobOf(job, 'rpc_push_batch'));
}

function jobOf(job: PlainFields, operation: string): JobRecord {
  const options = job.message('options', 'Options');
  const delay = options.integer('delay');
  const name = job.text('job');
  const pipeline = options.text('pipeline');
  const id = job.text('id');
  const headers = headersOf(job);
  checkDelay(delay, operation);
  checkJobSize(name, pipeline, Buffer.byteLength(id), operation);
  checkHeaders(Object.keys(headers).length, headerBytes(headers), operation);
  return new JobRecord(
    name,
    pipeline,
    job.bytes('payload'),
    headers,
    options.integer('priority'),
    Math.max(0, delay) * 1_000,
    options.flag('auto_ack'),
    id || undefined,
    kafkaOf(options),
  );
}

function headersOf(job: PlainFields): JobHeaders {
  const entries = job.messageMap('headers', 'HeaderValue');
  if (entries.length === 0) return NO_HEADERS;
  const headers = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, value] of entries) headers[name] = value.texts('value');
  return headers;
}

function headerBytes(headers: JobHeaders): number {
  let bytes = 0;
  for (const name in headers) {
    bytes += Buffer.byteLength(name);
    for (const value of headers[name]!) bytes += headerTextBytes(Buffer.byteLength(value));
  }
  return bytes;
}

function kafkaOf(options: PlainFields): KafkaPlace | undefined {
  const place = {
    topic: options.text('topic'),
    partition: options.integer('partition'),
    offset: BigInt(options.integer('offset')),
    metadata: options.text('metadata'),
  };
  return place.topic !== '' || place.partition !== 0 || place.offset !== 0n || place.metadata !== '' ? place : undefined;
}
