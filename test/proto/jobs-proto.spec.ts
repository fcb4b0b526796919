import { readFileSync, readdirSync } from 'node:fs';
import protobuf from 'protobufjs';

interface RecordedFrame {
  readonly hex?: string;
  readonly decoded: { readonly headerWords: number; readonly options: readonly number[]; readonly message?: string; readonly body?: object };
}

interface RecordedMessage {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly body: object;
}

const FIXTURES = new URL('../fixtures/goridge/', import.meta.url);
const PROTO = new URL('../../proto/jobs/v1/jobs.proto', import.meta.url);
const BYTES_PER_WORD = 4;

/** The messages of `jobs.v1` in every recording of client and server. */
function readRecordings(): { file: string; messages: RecordedMessage[] }[] {
  return readdirSync(FIXTURES)
    .filter((file) => file.startsWith('rpc-') && file.endsWith('.json'))
    .map((file) => {
      const { frames } = JSON.parse(readFileSync(new URL(file, FIXTURES), 'utf8')) as { frames: readonly RecordedFrame[] };
      return { file, messages: frames.flatMap(messageOf) };
    })
    .filter(({ messages }) => messages.length > 0);
}

function messageOf({ hex, decoded }: RecordedFrame): RecordedMessage[] {
  const { message, body, headerWords, options } = decoded;
  if (hex === undefined || body === undefined || message?.startsWith('jobs.v1.') !== true) return [];
  // The second option of an RPC frame is the length of the method name, which precedes the body.
  const start = headerWords * BYTES_PER_WORD + (options[1] ?? 0);
  return [{ name: message, bytes: Buffer.from(hex, 'hex').subarray(start), body }];
}

function open(): protobuf.Root {
  return protobuf.parse(readFileSync(PROTO, 'utf8'), { keepCase: true }).root;
}

function plain(type: protobuf.Type, bytes: Uint8Array): object {
  return type.toObject(type.decode(bytes), { longs: String, bytes: String });
}

describe('jobs.proto', () => {
  const recordings = readRecordings();

  it.each(recordings)('reads every recorded message of $file', ({ messages }) => {
    const root = open();

    expect(messages.map(({ name, bytes }) => plain(root.lookupType(name), bytes))).toEqual(messages.map(({ body }) => body));
  });

  it('meets every request and every answer of the service in the recordings', () => {
    const parts = new Set(['Job', 'Options', 'HeaderValue', 'Stat']);
    const jobs = open().lookup('jobs.v1')?.toJSON() as { nested: Record<string, unknown> };
    const whole = Object.keys(jobs.nested).filter((name) => !parts.has(name));
    const met = new Set(recordings.flatMap(({ messages }) => messages.map(({ name }) => name.replace('jobs.v1.', ''))));

    expect(whole.filter((name) => !met.has(name))).toEqual([]);
  });

  it('does not give the retired field numbers of the options again', () => {
    const options = open().lookupType('jobs.v1.Options');

    expect([4, 5].map((id) => options.isReservedId(id))).toEqual([true, true]);
  });

  it('keeps whole numbers beyond 2^53 and below zero', () => {
    const type = open().lookupType('jobs.v1.PushRequest');
    const request = { job: { options: { priority: '-9223372036854775808', offset: '9007199254740993', partition: -1 } } };

    expect(plain(type, type.encode(type.fromObject(request)).finish())).toEqual(request);
  });

  it('reads the priority of a pipeline as an unsigned number', () => {
    const type = open().lookupType('jobs.v1.Stats');
    const answer = { stats: [{ priority: '18446744073709551615' }] };

    expect(plain(type, type.encode(type.fromObject(answer)).finish())).toEqual(answer);
  });
});
