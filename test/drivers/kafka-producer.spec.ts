import { KafkaJsProducerPort } from '../../lib/drivers/kafka/kafkajs-client.js';
import { KafkaJsSockets } from '../../lib/drivers/kafka/kafkajs-sockets.js';
import type { KafkaJsProducer } from '../../lib/drivers/kafka/kafkajs-types.js';
import type { OutgoingRecord } from '../../lib/drivers/kafka/port.js';

type Request = Parameters<KafkaJsProducer['send']>[0];

/** A producer whose brokers answer for these partitions only, request by request; what was asked of it. */
function answering(acks: -1 | 0, ...answers: readonly (readonly number[])[]) {
  const requests: string[][] = [];
  const producer: KafkaJsProducer = {
    events: {},
    on: () => () => {},
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    send: ({ messages }: Request) => {
      requests.push(messages.map(({ key }) => key));
      return Promise.resolve((answers[requests.length - 1] ?? []).map((partition) => ({ partition })));
    },
  };
  return { port: new KafkaJsProducerPort(producer, new KafkaJsSockets(), { acks, compression: 0, nextBatch: () => {} }), requests };
}

const recordIn = (partition: number): OutgoingRecord => ({ key: `in ${partition}`, value: '', headers: {}, partition });

describe('A request of a producer', () => {
  it('is repeated for the partitions that got no answer, and for them alone', async () => {
    const { port, requests } = answering(-1, [0], [1, 2]);
    await port.send('emails', [recordIn(0), recordIn(1), recordIn(2)]);
    expect(requests).toEqual([
      ['in 0', 'in 1', 'in 2'],
      ['in 1', 'in 2'],
    ]);
  });

  it('fails, to be repeated, when no partition gets an answer', async () => {
    const { port } = answering(-1, [0], []);
    const failed = await port.send('emails', [recordIn(0), recordIn(1)]).catch((error: unknown) => error);
    expect(failed).toMatchObject({ message: 'No broker has answered for 1 records of topic "emails".' });
    expect(port.failureOf(failed).kind).toBe('retry');
  });

  it('is sent once when no answer is asked for', async () => {
    const { port, requests } = answering(0, []);
    await port.send('emails', [recordIn(0)]);
    expect(requests).toEqual([['in 0']]);
  });
});
