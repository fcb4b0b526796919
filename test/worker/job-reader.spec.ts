import { KernelProtocolError } from '../../lib/contract/errors.js';
import { JobReader, receivedJob, type ReceivedJob } from '../../lib/worker/received-job.js';

const BODY = Buffer.from('body');

/** Reads the headers one after the other with one reader; each must be what a parser alone makes of it. */
function readAll(...headers: readonly string[]): ReceivedJob[] {
  const reader = new JobReader();
  return headers.map((header) => {
    const read = reader.read(Buffer.from(header), BODY);
    expect(read).toEqual(receivedJob(header, BODY));
    return read;
  });
}

const header = (id: string, rest = '"job":"echo","driver":"memory","headers":{},"pipeline":"mail"'): string => `{"id":"${id}",${rest}}`;

describe('The headers of jobs', () => {
  it('are told apart by their ids', () => {
    expect(readAll(header('a'), header('b'), header('')).map(({ job }) => job.id)).toEqual(['a', 'b', '']);
  });

  it('are read anew when anything else differs', () => {
    const jobs = readAll(
      header('a'),
      header('b', '"job":"other","driver":"memory","headers":{},"pipeline":"mail"'),
      header('c', '"job":"other","driver":"amqp","headers":{},"queue":"q","pipeline":"mail"'),
      header('d', '"job":"other","driver":"amqp","headers":{"x":["1"]},"queue":"q","pipeline":"mail"'),
      header('e', '"job":"other","driver":"amqp","headers":{"x":["2"]},"queue":"q","pipeline":"mail"'),
      header('f', '"job":"other","driver":"amqp","headers":{},"queue":"q","pipeline":"mail","nrr":{"attempt":3}'),
      header('g'),
    );
    expect(jobs.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 3, 1]);
    expect(jobs[4].job.headers['x']).toEqual(['2']);
  });

  it('with a prefix of the known one are read anew', () => {
    expect(() => readAll(header('a'), header('b').slice(0, -1))).toThrow(KernelProtocolError);
    expect(() => readAll(header('a'), `${header('b')}x`)).toThrow(KernelProtocolError);
  });

  it.each(['tab\\t', 'quote \\" inside', 'Grüße', '\\u0041'])('may have the id %s', (id) => {
    const [, second] = readAll(header('a'), header(id));
    expect(second.job.id).toBe(JSON.parse(`"${id}"`));
  });

  it('with a second id have that one', () => {
    const twice = '"job":"echo","driver":"memory","headers":{},"pipeline":"mail","id":"last"';
    expect(readAll(header('a', twice), header('b', twice)).map(({ job }) => job.id)).toEqual(['last', 'last']);
  });

  it('that begin otherwise are read all the same', () => {
    expect(readAll('{"job":"echo","id":"a"}', '{"job":"echo","id":"b"}').map(({ job }) => job.id)).toEqual(['a', 'b']);
  });

  it('of Kafka keep the place of each job', () => {
    const at = (offset: number): string => `"job":"echo","driver":"kafka","headers":{},"pipeline":"k","topic":"t","partition":1,"offset":${offset}`;
    expect(readAll(header('a', at(1)), header('b', at(2))).map(({ job }) => job.kafka?.offset)).toEqual([1n, 2n]);
  });

  it('share nothing that a handler could change', () => {
    const [first, second] = readAll(header('a'), header('b'));
    expect(first.job).not.toBe(second.job);
    expect(Object.isFrozen(second.job.headers)).toBe(true);
  });

  it('do not stay tied to the bytes they came in', () => {
    const reader = new JobReader();
    const bytes = Buffer.from(header('a'));
    reader.read(bytes, BODY);
    bytes.fill(0x20);
    expect(reader.read(Buffer.from(header('b')), BODY)).toEqual(receivedJob(header('b'), BODY));
  });
});
