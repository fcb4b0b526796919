import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { DriverContext } from '../../lib/contract/driver.js';
import { silentLogger } from '../../lib/contract/logger.js';
import type { AmqpModel } from '../../lib/drivers/amqp/client.js';
import { resolveSettings, type AmqpOptions } from '../../lib/drivers/amqp/config.js';
import { superviseConnection } from '../../lib/drivers/amqp/connection.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

/** A connection without a broker; `dialled` are the addresses that the client was given. */
function setup(options: AmqpOptions = {}, isEnded: (dial: number) => boolean = () => false) {
  const clock = new VirtualClock();
  const dialled: URL[] = [];
  const client = {
    connect: (url: string) => {
      dialled.push(new URL(url));
      const stream = new PassThrough();
      if (isEnded(dialled.length)) stream.end();
      return Promise.resolve(Object.assign(new EventEmitter(), { close: () => Promise.resolve(), connection: { stream } }) as unknown as AmqpModel);
    },
  };
  const context = { pipeline: 'emails', options, clock, logger: silentLogger } as unknown as DriverContext<AmqpOptions>;
  return { clock, dialled, connection: superviseConnection(client, resolveSettings(context), context) };
}

describe('A connection of amqp', () => {
  it.each([
    ['that of the option', { heartbeat: 3, addr: 'amqp://broker/?heartbeat=30' }, '3'],
    ['that of the address where there is no option', { addr: 'amqp://broker/?heartbeat=30' }, '30'],
    ['10 seconds where nobody says anything', { addr: 'amqp://broker/' }, '10'],
  ])('asks for a heartbeat: %s', async (_name, options, heartbeat) => {
    const { connection, dialled } = setup(options);
    await connection.use(1_000);
    expect(dialled[0]!.searchParams.getAll('heartbeat')).toEqual([heartbeat]);
    await connection.stop();
  });

  it('that the broker ended in the breath in which it came is dialled again', async () => {
    const { connection, clock, dialled } = setup({}, (dial) => dial === 1);
    const use = connection.use(60_000);
    await clock.advance(1_000);
    await use;
    expect(dialled).toHaveLength(2);
    await connection.stop();
  });
});
