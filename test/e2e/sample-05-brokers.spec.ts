import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { broker, type BrokerName } from '../support/brokers.js';
import { createTempFolder } from '../support/temp-folder.js';
import { RunningProgram } from './support/running-program.js';

const DEMO = fileURLToPath(new URL('../../sample/05-brokers/dist/demo.js', import.meta.url));
const MAILS = 60;
const TIMEOUT_MS = 90_000;
const folder = createTempFolder();

interface Demo {
  readonly status: number | string | null;
  readonly output: string;
  /** People who have a mail. */
  readonly people: Set<string | undefined>;
}

/** Runs the demonstration to its end. */
async function play(driver: string, environment: Readonly<Record<string, string>> = {}): Promise<Demo> {
  const outbox = join(folder, driver, 'outbox');
  const env = {
    JOBS_DRIVER: driver,
    OUTBOX: outbox,
    DATA_DIR: join(folder, driver),
    MAILS: String(MAILS),
    WORK_MS: '20',
    ...environment,
  };
  const demo = new RunningProgram([process.execPath, DEMO], { env });
  const status = await demo.ended();
  // A kill in the middle of a write leaves a file without its last name.
  const sent = readdirSync(outbox).filter((file) => file.endsWith('.eml'));
  return { status, output: demo.output, people: new Set(sent.map((file) => file.split('.')[1])) };
}

function expectAll({ status, output, people }: Demo): void {
  expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining(`✔ All ${MAILS} people have their mail`) as string });
  expect(people.size).toBe(MAILS);
}

const brokers = await Promise.all(
  (['amqp', 'beanstalk', 'sqs', 'kafka'] as const).map(async (name: BrokerName) => ({ name, server: await broker(name) })),
);

describe('sample/05-brokers', () => {
  it(
    'keeps jobs in memory, where nobody is killed',
    async () => {
      const demo = await play('memory');
      expectAll(demo);
      expect(demo.output).not.toContain('kill -9');
    },
    TIMEOUT_MS,
  );

  it(
    'loses no mail of the embedded driver to a kill -9',
    async () => {
      const demo = await play('embedded');
      expectAll(demo);
      expect(demo.output).toContain('kill -9 of kernel A.');
    },
    TIMEOUT_MS,
  );

  it('names the drivers when it does not know one', async () => {
    const demo = new RunningProgram([process.execPath, DEMO], { env: { JOBS_DRIVER: 'pigeon' } });
    await demo.ended();
    expect(demo.output).toContain('JOBS_DRIVER is "pigeon". Give one of: memory, embedded, amqp, beanstalk, sqs, kafka.');
  });
});

for (const { name, server } of brokers) {
  server.suite(`sample/05-brokers with ${name}`, () => {
    it(
      'loses no mail when one of two kernels is killed',
      async () => {
        const demo = await play(name, { BROKER_URL: server.url, QUEUE: `sample-05-${process.pid}-${Date.now()}` });
        expectAll(demo);
        expect(demo.output).toMatch(/kill -9 of kernel [AB]\./u);
      },
      TIMEOUT_MS,
    );
  });
}
