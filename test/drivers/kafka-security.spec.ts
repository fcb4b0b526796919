import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { Driver } from '../../lib/contract/driver.js';
import type { KafkaOptions } from '../../lib/drivers/kafka.driver.js';
import { aJob } from '../support/jobs.js';
import { kafkaTest, openKafkaDriver } from '../support/kafka.js';

const kafka = await kafkaTest({ secure: true });

kafka.suite('a Kafka that wants TLS and passwords', () => {
  const opened: Driver[] = [];
  afterEach(() => Promise.all(opened.splice(0).map((driver) => driver.stop(deadlineAfter(systemClock, 5_000)))));

  const { listeners, files, username, password } = kafka.server.secured!;
  const brokersOf = (listener: string) => ({ brokers: [`127.0.0.1:${listeners[listener]}`] });
  const trust = { rootCa: files.authority };
  const certificate = { cert: files.clientCertificate, key: files.clientKey };
  const login = (mechanism: string) => ({ mechanism, username, password });

  const open = async (section: Readonly<Record<string, unknown>>, options: KafkaOptions = kafka.freshOptions(), pushTimeoutMs = 20_000) => {
    const parts = await openKafkaDriver({ ...kafka, section }, options, { pushTimeoutMs, run: false });
    opened.push(parts.driver);
    return parts;
  };

  /** What comes back of a job that is pushed through the listener. */
  const roundTrip = async (section: Readonly<Record<string, unknown>>, options?: KafkaOptions) => {
    const { driver, inbox } = await open(section, options);
    await driver.push(aJob({ name: 'secret' }));
    await driver.run();
    const delivery = await inbox.next();
    await delivery.ack();
    return { driver, inbox, name: delivery.job.name };
  };

  it('takes and gives jobs over TLS, with a certificate of the client', async () => {
    expect((await roundTrip({ ...brokersOf('tls'), tls: { ...trust, ...certificate } })).name).toBe('secret');
  }, 60_000);

  it.each(['plain', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'takes and gives jobs over TLS, with a password by %s',
    async (mechanism) => {
      expect((await roundTrip({ ...brokersOf('saslTls'), tls: trust, sasl: login(mechanism) })).name).toBe('secret');
    },
    60_000,
  );

  it.each(['plain', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'takes and gives jobs without TLS, with a password by %s',
    async (mechanism) => {
      expect((await roundTrip({ ...brokersOf('sasl'), sasl: login(mechanism) })).name).toBe('secret');
    },
    60_000,
  );

  it('takes the password of the pipeline before that of the section', async () => {
    const options = { ...kafka.freshOptions(), saslOptions: { password } };
    const sasl = { ...login('SCRAM-SHA-512'), password: 'of another pipeline' };
    expect((await roundTrip({ ...brokersOf('saslTls'), tls: trust, sasl }, options)).name).toBe('secret');
  }, 60_000);

  it.each(['plain', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'refuses a wrong password by %s: the push is told so without waiting for its time',
    async (mechanism) => {
      const { driver } = await open({ ...brokersOf('saslTls'), tls: trust, sasl: { ...login(mechanism), password: 'wrong' } }, undefined, 45_000);
      await expect(driver.push(aJob())).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
        message: expect.stringMatching(/kafka\.sasl.*"ada"/u) as unknown,
      });
    },
    60_000,
  );

  it('does not trust the certificate of an unknown authority: the push is told so without waiting for its time', async () => {
    const { driver } = await open({ ...brokersOf('saslTls'), tls: { rootCa: files.clientCertificate }, sasl: login('plain') }, undefined, 45_000);
    await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'INVALID_CONFIG', message: expect.stringContaining('kafka.tls') as unknown });
  }, 60_000);

  it('lets nobody in without a certificate where one is wanted', async () => {
    const { driver } = await open({ ...brokersOf('tls'), tls: trust }, undefined, 3_000);
    await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  }, 60_000);

  it('has its TLS and its password again after it came back', async () => {
    const { driver, inbox } = await roundTrip({ ...brokersOf('saslTls'), tls: trust, sasl: login('SCRAM-SHA-256') });
    await kafka.server.restart();
    await driver.push(aJob({ name: 'after' }));
    expect((await inbox.next()).job.name).toBe('after');
  }, 120_000);
});
