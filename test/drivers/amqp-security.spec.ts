import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { AmqpBench, freshName, type OpenAmqpOptions } from '../support/amqp.js';
import { broker } from '../support/brokers.js';
import { aJob, textOf } from '../support/jobs.js';
import { openTcpProxy } from '../support/tcp-proxy.js';

const rabbit = await broker('amqp', { secure: true });

rabbit.suite('driver "amqp" and a RabbitMQ that wants TLS, a certificate and a password', () => {
  const bench = new AmqpBench(() => rabbit.url);
  const { listeners, files, username, password } = rabbit.secured!;
  const certificates = { rootCa: files.authority, cert: files.clientCertificate, key: files.clientKey };
  const addrOf = (protocol: string, given = password) => `${protocol}://${username}:${encodeURIComponent(given)}@127.0.0.1:${listeners['tls']}/`;

  const given = (addr: string, tls?: object): OpenAmqpOptions => ({
    section: { addr, ...(tls === undefined ? {} : { tls }) },
    queue: freshName(),
    pushTimeoutMs: 3_000,
  });
  const refusal = async (options: OpenAmqpOptions): Promise<Error & { code?: string }> => {
    const { driver } = await bench.open(options);
    return driver.push(aJob()).then(
      () => new Error('The push was taken.'),
      (error: unknown) => error as Error,
    );
  };

  it.each(['amqps', 'amqp'])('pushes and delivers with certificates and an address of %s', async (protocol) => {
    const { driver, inbox } = await bench.run(given(addrOf(protocol), certificates));
    await driver.push(aJob({ payload: 'over TLS' }));
    const delivery = await inbox.next();
    expect(textOf(delivery.job.payload)).toBe('over TLS');
    await delivery.ack();
    expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0, ready: true });
  });

  it('pushes with a password that has signs of an address in it', async () => {
    const { driver, inbox } = await bench.run({ queue: freshName() });
    expect(rabbit.url).toContain(encodeURIComponent(password));
    await driver.push(aJob({ name: 'plain' }));
    expect((await inbox.next()).job.name).toBe('plain');
  });

  it('is refused with another password, and says so at once', async () => {
    const error = await refusal(given(addrOf('amqps', 'wrong'), certificates));
    expect(error).toMatchObject({ code: 'INVALID_CONFIG', message: expect.stringContaining('ACCESS-REFUSED') });
    expect(error.message).not.toContain('wrong');
  });

  it('does not talk to a broker whose authority nobody trusts', async () => {
    const { rootCa: _rootCa, ...own } = certificates;
    expect(await refusal(given(addrOf('amqps'), own))).toMatchObject({
      code: 'INVALID_CONFIG',
      issues: [{ path: 'amqp.tls.rootCa', message: expect.stringMatching(/is not trusted: .*certificate/u) }],
    });
  });

  it('is not let in without a certificate of its own', async () => {
    const error = await refusal(given(addrOf('amqps'), { rootCa: files.authority }));
    expect(error.code).toBe('BROKER_UNAVAILABLE');
    // The reset of the connection may overtake the words of the broker.
    expect(error.message).toMatch(/certificate required|ECONNRESET/u);
  });

  it('is told that it speaks plainly to a listener of TLS', async () => {
    const error = await refusal(given(addrOf('amqp')));
    expect(error.code).toBe('BROKER_UNAVAILABLE');
    expect(error.message).toMatch(/closed abruptly during opening handshake|ECONNRESET/u);
  });

  it('has TLS and its certificate again when it dials again', async () => {
    const proxy = await openTcpProxy({ host: '127.0.0.1', port: listeners['tls']! });
    try {
      const addr = addrOf('amqps').replace(`:${listeners['tls']}/`, `:${proxy.port}/`);
      const { driver, inbox } = await bench.run({ ...given(addr, certificates), pushTimeoutMs: 30_000 });
      await driver.push(aJob({ name: 'before' }));
      await inbox.next();
      const { accepted } = proxy;
      proxy.drop();
      await driver.push(aJob({ name: 'after' }));
      expect(new Set((await inbox.take(2)).map(({ job }) => job.name))).toEqual(new Set(['before', 'after']));
      expect(proxy.accepted).toBeGreaterThanOrEqual(accepted + 2);
      await driver.stop(deadlineAfter(systemClock, 3_000));
    } finally {
      await proxy.close();
    }
  }, 60_000);
});
