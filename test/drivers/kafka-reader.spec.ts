import { readRanges, ReadingStalledError } from '../../lib/drivers/kafka/reader.js';
import type { ConsumerListener, KafkaClient, KafkaConsumer, ReceivedRecord } from '../../lib/drivers/kafka/port.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const PLACE = { topic: 'emails', partition: 0 };
const PATIENCE_MS = 10_000;
const SETTINGS = {
  ...{ minBytes: 1, maxBytes: 1_000, sessionTimeoutMs: 30_000, heartbeatIntervalMs: 3_000, rebalanceTimeoutMs: 30_000 },
  ...{ fromBeginning: true, autoCreateTopics: false },
};

describe('Reading a range of records', () => {
  /** Reads offsets 0 to 9 from a broker whose answers the test gives. */
  const open = async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    let listener!: ConsumerListener;
    const consumer: KafkaConsumer = { commit: () => Promise.resolve(), seek() {}, pause() {}, resume() {}, close: () => new Promise(() => {}) };
    const client = {
      openConsumer: async (_settings: unknown, given: ConsumerListener) => {
        listener = given;
        await given.onAssigned([PLACE], consumer);
        return consumer;
      },
    } as unknown as KafkaClient;
    const reading = readRanges(client, SETTINGS, {
      ranges: [{ ...PLACE, from: 0, end: 10 }],
      visit: ({ offset }) => seen.push(offset) < 100,
      ...{ clock, patienceMs: PATIENCE_MS, stopping: new AbortController().signal },
    });
    reading.catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    const give = (offset: number): void => {
      const record: ReceivedRecord = { offset, timestamp: '0', key: null, value: null, headers: {} };
      void listener.onRecords(PLACE, [record], { next: offset + 1, end: 10 });
    };
    return { clock, seen, reading, give, pass: (next: number) => listener.onPassed(PLACE, { next, end: 10 }) };
  };

  it('goes on with a slow broker until its end', async () => {
    const { clock, seen, reading, give } = await open();
    for (let offset = 0; offset < 10; offset++) {
      await clock.advance(PATIENCE_MS - 1_000);
      give(offset);
    }
    await reading;
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('ends with what is for nobody', async () => {
    const { seen, reading, give, pass } = await open();
    give(0);
    pass(10);
    await reading;
    expect(seen).toEqual([0]);
  });

  it('fails when nothing more comes before the end, also where the broker takes no farewell', async () => {
    const { clock, reading, give } = await open();
    give(0);
    await clock.advance(PATIENCE_MS);
    await expect(reading).rejects.toThrow(ReadingStalledError);
  });
});
