import { decodeMessage } from '../../lib/drivers/amqp/message.js';

/** Far more than it takes, and far less than a time that grows with the square of the values. Unit: milliseconds. */
const MOST_MS = 5_000;

describe('A message of amqp', () => {
  it('may have as many values under one name as a frame holds, and is read without holding up the process', () => {
    const many = Array.from({ length: 60_000 }, () => true);
    const startedAt = performance.now();
    const job = decodeMessage({ content: Buffer.alloc(0), fields: {} as never, properties: { headers: { many } } }, 'emails', 10);
    expect(performance.now() - startedAt).toBeLessThan(MOST_MS);
    expect(job.headers['many']).toHaveLength(60_000);
  });
});
