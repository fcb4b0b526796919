import { JobsError } from '../../contract/errors.js';
import { JobRecord, NO_HEADERS, type Job, type JobHeaders, type KafkaPlace } from '../../contract/job.js';

/**
 * A stored job:
 *
 *     0       crashes         u8
 *     1       flags           u8    1 auto-ack, 2 payload is text, 4 has Kafka place
 *     2..3    name length     u16
 *     4..5    id length       u16
 *     6..9    headers length  u32   0 when there are none
 *     10..17  priority        f64
 *     18..    name, id, headers as JSON, Kafka place as JSON (u16 length before it), payload
 */
const FIXED = 18;
const AUTO_ACK = 1;
const TEXT = 2;
const KAFKA = 4;

/** A stored job cannot be read: the file was changed by something else. It stays where it is. */
export class DamagedRecordError extends JobsError {
  readonly code = 'DAMAGED_RECORD';

  constructor(
    readonly file: string,
    readonly key: string,
    options?: ErrorOptions,
  ) {
    super(`The record ${key} in "${file}" cannot be read and is left where it is. Restore the file from a backup, or remove the record.`, options);
  }
}

export function encodeRecord(job: Job, headers: JobHeaders, priority: number): Buffer {
  const { name, id, payload } = job;
  if (headers === NO_HEADERS && job.kafka === undefined && typeof payload === 'string') {
    // Measured and written in one call each: most of the cost is the calls. In ASCII a character is a byte.
    const text = name + id + payload;
    if (Buffer.byteLength(text) === text.length) {
      const plain = Buffer.allocUnsafe(FIXED + text.length);
      writeFixed(plain, flagsOf(job), { name: name.length, id: id.length, headers: 0 }, priority);
      plain.write(text, FIXED, 'latin1');
      return plain;
    }
  }
  return encodeAny(job, headers, priority);
}

function encodeAny(job: Job, headers: JobHeaders, priority: number): Buffer {
  const { name, id, payload } = job;
  const headersText = headers === NO_HEADERS ? '' : headersJson(headers);
  const kafkaText = job.kafka === undefined ? '' : kafkaJson(job.kafka);
  const lengths = { name: Buffer.byteLength(name), id: Buffer.byteLength(id), headers: Buffer.byteLength(headersText) };
  const kafkaBytes = kafkaText === '' ? 0 : 2 + Buffer.byteLength(kafkaText);
  const payloadBytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
  const bytes = Buffer.allocUnsafe(FIXED + lengths.name + lengths.id + lengths.headers + kafkaBytes + payloadBytes);
  writeFixed(bytes, flagsOf(job), lengths, priority);
  // Apart: halves of a surrogate pair that meet would become one character.
  let at = FIXED + bytes.write(name, FIXED);
  at += bytes.write(id, at);
  at += bytes.write(headersText, at);
  if (kafkaBytes > 0) {
    at = bytes.writeUInt16BE(kafkaBytes - 2, at);
    at += bytes.write(kafkaText, at);
  }
  if (typeof payload === 'string') bytes.write(payload, at);
  else bytes.set(payload, at);
  return bytes;
}

function flagsOf({ autoAck, payload, kafka }: Job): number {
  return (autoAck ? AUTO_ACK : 0) | (typeof payload === 'string' ? TEXT : 0) | (kafka === undefined ? 0 : KAFKA);
}

function writeFixed(
  bytes: Buffer,
  flags: number,
  lengths: { readonly name: number; readonly id: number; readonly headers: number },
  priority: number,
): void {
  bytes[0] = 0;
  bytes[1] = flags;
  bytes.writeUInt16BE(lengths.name, 2);
  bytes.writeUInt16BE(lengths.id, 4);
  bytes.writeUInt32BE(lengths.headers, 6);
  bytes.writeDoubleBE(priority, 10);
}

/** @throws RangeError when the bytes are no record. */
export function decodeRecord(bytes: Buffer, pipeline: string): JobRecord {
  const flags = bytes[1]!;
  const nameEnd = FIXED + bytes.readUInt16BE(2);
  const idEnd = nameEnd + bytes.readUInt16BE(4);
  const headersEnd = idEnd + bytes.readUInt32BE(6);
  const kafkaEnd = (flags & KAFKA) === 0 ? headersEnd : headersEnd + 2 + bytes.readUInt16BE(headersEnd);
  if (kafkaEnd > bytes.length) throw new RangeError(`The record has ${bytes.length} bytes and claims at least ${kafkaEnd}.`);
  const payload = bytes.subarray(kafkaEnd);
  return new JobRecord(
    bytes.toString('utf8', FIXED, nameEnd),
    pipeline,
    (flags & TEXT) === 0 ? payload : payload.toString(),
    headersEnd === idEnd ? NO_HEADERS : headersFrom(bytes.toString('utf8', idEnd, headersEnd)),
    bytes.readDoubleBE(10),
    0,
    (flags & AUTO_ACK) !== 0,
    bytes.toString('utf8', nameEnd, idEnd),
    kafkaEnd === headersEnd ? undefined : kafkaFrom(bytes.toString('utf8', headersEnd + 2, kafkaEnd)),
  );
}

export function crashesOf(bytes: Buffer): number {
  return bytes[0]!;
}

export function withCrash(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[0] = Math.min(255, copy[0]! + 1);
  return copy;
}

// As a list: `__proto__` is a name as any other.
function headersJson(headers: JobHeaders): string {
  return JSON.stringify(Object.keys(headers).map((name) => [name, headers[name]]));
}

function headersFrom(text: string): JobHeaders {
  const headers = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, values] of JSON.parse(text) as [string, string[]][]) headers[name] = values;
  return headers;
}

function kafkaJson({ topic, partition, offset, metadata }: KafkaPlace): string {
  return JSON.stringify([topic, partition, String(offset), metadata]);
}

function kafkaFrom(text: string): KafkaPlace {
  const [topic, partition, offset, metadata] = JSON.parse(text) as [string, number, string, string];
  return { topic, partition, offset: BigInt(offset), metadata };
}
