import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { decodeEnvelope, encodeEnvelope, FOREIGN_JOB_NAME } from '../../lib/drivers/beanstalk/envelope.js';
import { ReplyReader, type Reply } from '../../lib/drivers/beanstalk/reply-reader.js';
import { aJob } from '../support/jobs.js';

const vectors = (JSON.parse(readFileSync('test/fixtures/interop/beanstalk.json', 'utf8')) as { name: string; base64: string }[]).map(
  ({ name, base64 }) => ({
    name,
    body: Buffer.from(base64, 'base64'),
  }),
);
const decode = (body: Buffer) => decodeEnvelope(body, 'q', 10);

describe('The envelope of a job in a tube', () => {
  it.each(vectors)('$name is a payload from elsewhere when it is cut anywhere', ({ body }) => {
    for (let length = 0; length < body.length; length++) {
      const cut = body.subarray(0, length);
      const job = decode(cut);
      expect([job.name, Buffer.compare(job.payload as Uint8Array, cut)]).toEqual([FOREIGN_JOB_NAME, 0]);
    }
  });

  it('is read or taken for a payload, whatever bytes are changed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...vectors),
        fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        ({ body }, changes) => {
          const changed = Buffer.from(body);
          for (const [at, byte] of changes) changed[at % changed.length] = byte;
          const job = decode(changed);
          expect(typeof job.name === 'string' && typeof job.priority === 'number' && typeof job.autoAck === 'boolean').toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('gives back what it was given', () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 40 });
    const whole = fc.integer({ min: -(2 ** 48), max: 2 ** 48 });
    const job = fc.record({
      name: texts.filter((name) => name !== ''),
      id: fc.uuid(),
      payload: fc.uint8Array({ maxLength: 300 }),
      headers: fc.dictionary(texts, fc.array(texts, { maxLength: 3 }), { maxKeys: 4 }),
      priority: whole.filter((priority) => priority !== 0),
      autoAck: fc.boolean(),
    });
    fc.assert(
      fc.property(job, (input) => {
        const given = aJob(input);
        const { name, id, payload, headers, priority, autoAck } = decode(encodeEnvelope(given, given.headers, 7));
        expect({ name, id, payload: Uint8Array.from(payload as Uint8Array), headers: { ...headers }, priority, autoAck }).toEqual({
          ...input,
          headers: { ...input.headers },
        });
      }),
      { numRuns: 500 },
    );
  });

  it('holds a payload of 70,000 bytes and headers with two values', () => {
    const payload = new Uint8Array(70_000).map((_, index) => index & 255);
    const job = aJob({ payload, headers: { a: ['1', '2'] } });
    const decoded = decode(encodeEnvelope(job, job.headers, 0));
    expect(Buffer.compare(decoded.payload as Uint8Array, payload)).toBe(0);
    expect({ ...decoded.headers }).toEqual({ a: ['1', '2'] });
  });
});

describe('Answers of beanstalkd', () => {
  const stream = Buffer.from('INSERTED 12\r\nRESERVED 7 4\r\n\r\n\r\n\r\nTIMED_OUT\r\nOK 6\r\na: 1\r\n\r\nUSING emails-2\r\nNOT_FOUND\r\n');
  const read = (chunks: readonly Buffer[]): Reply[] => {
    const reader = new ReplyReader();
    return chunks.flatMap((chunk) => {
      reader.add(chunk);
      const replies: Reply[] = [];
      for (let reply = reader.next(); reply !== undefined; reply = reader.next()) replies.push(reply);
      return replies;
    });
  };
  const whole = read([stream]);

  it('are read with their numbers and bodies', () => {
    expect(whole.map(({ word, id, body }) => [word, id, body?.toString()])).toEqual([
      ['INSERTED', 12, undefined],
      ['RESERVED', 7, '\r\n\r\n'],
      ['TIMED_OUT', 0, undefined],
      ['OK', 0, 'a: 1\r\n'],
      ['USING', 2, undefined],
      ['NOT_FOUND', 0, undefined],
    ]);
  });

  it('are the same wherever they are cut', () => {
    for (let first = 1; first < stream.length; first++) {
      for (let second = first; second < stream.length; second++) {
        expect(read([stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)].filter(({ length }) => length > 0))).toEqual(
          whole,
        );
      }
    }
  });

  it.each([
    ['a line without an end', Buffer.alloc(600, 'x')],
    ['a line that ends with LF alone', Buffer.from('INSERTED 1\n')],
    ['a body without its end', Buffer.from('OK 2\r\nabcd')],
    ['a body of a terabyte', Buffer.from('OK 1000000000000\r\n')],
  ])('are refused: %s', (_, bytes) => {
    expect(() => read([bytes])).toThrow(/^beanstalkd /u);
  });
});
