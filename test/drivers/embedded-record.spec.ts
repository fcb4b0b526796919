import { JobRecord, NO_HEADERS, type JobHeaders, type KafkaPlace, type Payload } from '../../lib/contract/job.js';
import { decodeRecord, encodeRecord } from '../../lib/drivers/embedded/record.js';

const FIXED_BYTES = 18;
const HEADERS: JobHeaders = Object.freeze(Object.assign(Object.create(null) as Record<string, string[]>, { tenant: ['a', 'ü'] }));

function jobOf(change: { name?: string; id?: string; payload?: Payload; headers?: JobHeaders; kafka?: KafkaPlace }): JobRecord {
  const { name = 'echo', id = 'id-1', payload = 'text', headers = NO_HEADERS, kafka } = change;
  return new JobRecord(name, 'mails', payload, headers, 7, 0, true, id, kafka);
}

function throughDisk(job: JobRecord): JobRecord {
  return decodeRecord(encodeRecord(job, job.headers, job.priority), job.pipeline);
}

describe('a record of the embedded driver', () => {
  it.each([
    ['ASCII text', {}],
    ['text that takes more bytes than characters', { payload: 'grüße 漢字 🚀' }],
    ['an id that takes more bytes than characters', { id: 'nº 1' }],
    ['a name that takes more bytes than characters', { name: 'mail.übersenden' }],
    ['empty text', { payload: '' }],
    ['bytes', { payload: Buffer.from([0, 255, 128]) }],
    ['headers', { headers: HEADERS }],
    ['a place in Kafka', { kafka: { topic: 'mails', partition: 3, offset: 2n ** 60n, metadata: 'm' } }],
  ])('keeps a job with %s', (_, change) => {
    const job = jobOf(change);
    const read = throughDisk(job);
    expect([read.name, read.id, read.payload, read.headers, read.priority, read.autoAck, read.kafka]).toEqual([
      job.name,
      job.id,
      job.payload,
      job.headers,
      7,
      true,
      job.kafka,
    ]);
  });

  it('takes the fixed part and one byte a character for ASCII', () => {
    expect(encodeRecord(jobOf({}), NO_HEADERS, 7)).toHaveLength(FIXED_BYTES + 'echo'.length + 'id-1'.length + 'text'.length);
  });

  it('does not join halves of a surrogate pair across name and id', () => {
    const read = throughDisk(jobOf({ name: 'a\ud83d', id: '\ude80b' }));
    expect([read.name, read.id, read.payload]).toEqual(['a\ufffd', '\ufffdb', 'text']);
  });
});
