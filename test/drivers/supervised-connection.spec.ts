import { getEventListeners } from 'node:events';
import { SupervisedConnection, type SupervisedConnectionOptions } from '../../lib/drivers/supervised-connection.js';
import { silentLogger } from '../../lib/contract/logger.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

interface Line {
  readonly number: number;
}

type Given = Partial<SupervisedConnectionOptions<Line>>;

const reasonOf = (error: Error) => error;

/** A broker that a test switches on and off. */
function setup(given: Given = {}) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const said: string[] = [];
  const broker = { isUp: true, isMute: false, tries: 0, lastTryAt: 0 };
  const note =
    (level: string) =>
    (message: string): void =>
      void said.push(`${level} ${message}`);
  const connection = new SupervisedConnection<Line>({
    driver: 'amqp',
    name: 'mail',
    connect: () => {
      broker.lastTryAt = clock.monotonic();
      const number = ++broker.tries;
      if (broker.isMute) return new Promise(() => {});
      return broker.isUp ? Promise.resolve({ number }) : Promise.reject(new Error(`refused ${number}`));
    },
    close: ({ number }) => {
      log.push(`close ${number}`);
      return Promise.resolve();
    },
    onUp: ({ number }) => {
      log.push(`up ${number}`);
      return Promise.resolve();
    },
    onDown: (error) => void log.push(`down ${(error as Error).message}`),
    clock,
    logger: { ...silentLogger, debug: note('debug'), info: note('info'), warn: note('warn') },
    ...given,
  });
  return { clock, log, said, broker, connection };
}

describe('a supervised connection', () => {
  it('dials when somebody needs it, once for all of them', async () => {
    const { broker, connection, log } = setup();
    expect(connection.current).toBeUndefined();
    const [first, second] = await Promise.all([connection.use(1_000), connection.use(1_000)]);
    expect(first).toBe(second);
    expect(connection.current).toBe(first);
    expect(broker.tries).toBe(1);
    expect(log).toEqual(['up 1']);
  });

  it('is given to nobody before its topology stands', async () => {
    let stand = () => {};
    const { connection, clock } = setup({ onUp: () => new Promise((resolve) => (stand = resolve)) });
    let given = false;
    const use = connection.use(1_000).then(() => (given = true));
    await clock.advance(10);
    expect(given).toBe(false);
    stand();
    await use;
  });

  it('dials for ever, after waits of half to all of a time that doubles up to its limit', async () => {
    const { broker, connection, clock } = setup({ redial: { initialDelayMs: 100, maxDelayMs: 1_000 } });
    broker.isUp = false;
    connection.start();
    await clock.advance(0);
    const waits: number[] = [];
    for (let index = 0; index < 12; index++) {
      const before = broker.lastTryAt;
      await clock.advanceToNextTimer();
      waits.push(broker.lastTryAt - before);
    }
    const longest = [100, 200, 400, 800, ...Array.from({ length: 8 }, () => 1_000)];
    waits.forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(longest[index]! / 2);
      expect(wait).toBeLessThanOrEqual(longest[index]! + 1);
    });
    broker.isUp = true;
    const use = connection.use(Infinity);
    await clock.advance(1_000);
    expect(await use).toEqual({ number: 14 });
  });

  it('begins with a short wait again after it stood', async () => {
    const { broker, connection, clock } = setup({ redial: { initialDelayMs: 100, maxDelayMs: 60_000 } });
    broker.isUp = false;
    connection.start();
    await clock.advance(30_000);
    broker.isUp = true;
    await clock.advance(60_000);
    connection.lost(connection.current!, new Error('gone'));
    const lostAt = clock.monotonic();
    await clock.advanceToNextTimer();
    expect(broker.lastTryAt - lostAt).toBeLessThanOrEqual(101);
  });

  it('sets topology and consumers up again after a loss', async () => {
    const { connection, clock, log } = setup();
    const first = await connection.use(1_000);
    connection.lost(first, new Error('reset'));
    expect(connection.current).toBeUndefined();
    expect(connection.lastError).toMatchObject({ message: 'reset' });
    await clock.advance(500);
    expect(log).toEqual(['up 1', 'down reset', 'close 1', 'up 2']);
    expect(connection.current).toEqual({ number: 2 });
    expect(connection.lastError).toBeUndefined();
  });

  it('takes the loss of a connection once, and none of one that it gave up before', async () => {
    const { connection, clock, broker } = setup();
    const first = await connection.use(1_000);
    connection.lost(first, new Error('reset'));
    connection.lost(first, new Error('reset'));
    await clock.advance(500);
    connection.lost(first, new Error('late news'));
    expect(connection.current).toEqual({ number: 2 });
    await clock.advance(60_000);
    expect(broker.tries).toBe(2);
  });

  it('closes a connection whose topology fails, and dials again', async () => {
    let isWrong = true;
    const { connection, clock, log } = setup({ onUp: () => (isWrong ? Promise.reject(new Error('406')) : Promise.resolve()) });
    connection.start();
    await clock.advance(0);
    expect(log).toEqual(['close 1']);
    expect(connection.lastError).toMatchObject({ message: '406' });
    isWrong = false;
    await clock.advance(500);
    expect(connection.current).toEqual({ number: 2 });
  });

  it('gives a try up that takes too long, and closes what comes of it later', async () => {
    const lines: ((line: Line) => void)[] = [];
    const { connection, clock, log } = setup({
      connectTimeoutMs: 2_000,
      connect: () => new Promise((resolve) => void lines.push(resolve)),
    });
    connection.start();
    await clock.advance(2_500);
    expect(lines).toHaveLength(2);
    lines[0]!({ number: 1 });
    lines[1]!({ number: 2 });
    await clock.advance(0);
    expect([...log].sort()).toEqual(['close 1', 'up 2']);
    expect(connection.current).toEqual({ number: 2 });
  });

  it('never stands when it was lost while its topology was made: another one is dialled', async () => {
    const { connection, clock, log, broker } = setup({
      onUp: (line) => {
        log.push(`up ${line.number}`);
        if (line.number === 1) connection.lost(line, new Error('reset'));
        return Promise.resolve();
      },
    });
    const use = connection.use(60_000);
    await clock.advance(0);
    expect(connection.current).toBeUndefined();
    expect(connection.lastError).toMatchObject({ message: 'reset' });
    await clock.advance(500);
    expect(await use).toEqual({ number: 2 });
    expect(log).toEqual(['up 1', 'close 1', 'up 2']);
    expect(broker.tries).toBe(2);
  });

  it('never stands when it was lost a moment before anybody could take it', async () => {
    const born: Line[] = [];
    const { connection, clock } = setup({ onUp: (line) => Promise.resolve(void born.push(line)) });
    connection.start();
    while (born.length === 0) await Promise.resolve();
    connection.lost(born[0]!, new Error('reset'));
    await clock.advance(500);
    expect(connection.current).toEqual({ number: 2 });
  });

  describe('tells who waits', () => {
    it('that there is no broker, after its time, with the reason', async () => {
      const { connection, clock, broker } = setup();
      broker.isUp = false;
      const use = connection.use(5_000, 'bills').catch(reasonOf);
      await clock.advance(5_000);
      expect(await use).toMatchObject({
        code: 'BROKER_UNAVAILABLE',
        retriable: true,
        pipeline: 'bills',
        driver: 'amqp',
        waitedMs: 5_000,
        message: expect.stringMatching(/"bills".*"amqp".*5000 ms.*refused \d+\./u) as string,
        cause: expect.objectContaining({ message: expect.stringMatching(/^refused/u) as string }) as Error,
      });
    });

    it('at once, who does not want to wait', async () => {
      const { connection } = setup();
      await expect(connection.use(0)).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', waitedMs: 0 });
    });

    it('when it is there in time', async () => {
      const { connection, clock, broker } = setup();
      broker.isUp = false;
      const use = connection.use(60_000);
      await clock.advance(2_000);
      broker.isUp = true;
      await clock.advance(30_000);
      expect(await use).toBe(connection.current);
    });

    it('of what waiting does not heal at once, and comes back all the same when it is healed', async () => {
      const { connection, clock, broker } = setup({ isFinal: (error) => /refused/u.test((error as Error).message) });
      broker.isUp = false;
      await expect(connection.use(60_000)).rejects.toThrow('refused 1');
      await expect(connection.use(60_000)).rejects.toThrow('refused 1');
      broker.isUp = true;
      await clock.advance(500);
      expect(connection.current).toEqual({ number: 2 });
    });

    it('nothing any more when it gave up by a signal', async () => {
      const { connection, broker, clock } = setup();
      broker.isMute = true;
      const giveUp = new AbortController();
      const use = connection.use(Infinity, 'mail', giveUp.signal);
      giveUp.abort(new Error('stopping'));
      await expect(use).rejects.toThrow('stopping');
      await expect(connection.use(Infinity, 'mail', giveUp.signal)).rejects.toThrow('stopping');
      await connection.stop();
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });
  });

  it('has one listener on a signal, however many wait under it', async () => {
    const { connection, broker } = setup();
    broker.isMute = true;
    const giveUp = new AbortController();
    const uses = Array.from({ length: 20 }, () => connection.use(Infinity, 'mail', giveUp.signal));
    expect(getEventListeners(giveUp.signal, 'abort')).toHaveLength(1);
    giveUp.abort(new Error('stopping'));
    expect((await Promise.allSettled(uses)).map(({ status }) => status)).toEqual(uses.map(() => 'rejected'));
    await connection.stop();
  });

  describe('stops', () => {
    it('and closes what stands, twice without harm', async () => {
      const { connection, log, clock } = setup();
      await connection.use(1_000);
      await Promise.all([connection.stop(), connection.stop()]);
      await connection.close();
      expect(log).toEqual(['up 1', 'close 1']);
      expect(clock.pending).toBe(0);
    });

    it('and tells who waits and who comes later', async () => {
      const { connection, broker } = setup();
      broker.isUp = false;
      const use = connection.use(Infinity, 'bills').catch(reasonOf);
      await connection.stop();
      expect(await use).toMatchObject({ code: 'DRIVER_STOPPED', pipeline: 'bills' });
      await expect(connection.use(1_000)).rejects.toMatchObject({ code: 'DRIVER_STOPPED' });
    });

    it('and does not dial again', async () => {
      const { connection, broker, clock } = setup();
      broker.isUp = false;
      connection.start();
      await clock.advance(0);
      await connection.stop();
      const { tries } = broker;
      await clock.advance(120_000);
      connection.start();
      expect(broker.tries).toBe(tries);
      expect(clock.pending).toBe(0);
    });

    it('and closes a connection that comes after that', async () => {
      let arrive: (line: Line) => void = () => {};
      const { connection, log, clock } = setup({ connect: () => new Promise((resolve) => (arrive = resolve)) });
      connection.start();
      await connection.stop();
      arrive({ number: 1 });
      await clock.advance(0);
      expect(log).toEqual(['close 1']);
      expect(connection.current).toBeUndefined();
    });

    it.each(Array.from({ length: 12 }, (_, turns) => turns))(
      'and closes what comes at the same time, %i turns after its topology began',
      async (turns) => {
        const { connection, log, clock } = setup({ onUp: () => Promise.resolve(void log.push('up')) });
        connection.start();
        while (log.length === 0) await Promise.resolve();
        log.length = 0;
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        await connection.stop();
        await clock.advance(0);
        expect(connection.current).toBeUndefined();
        expect(log).toEqual(['close 1']);
        expect(clock.pending).toBe(0);
      },
    );

    it('without waiting for ever for a frozen broker to say good-bye', async () => {
      const { connection, clock } = setup({ closeTimeoutMs: 1_000, close: () => new Promise(() => {}) });
      await connection.use(1_000);
      let stopped = false;
      void connection.stop().then(() => (stopped = true));
      await clock.advance(999);
      expect(stopped).toBe(false);
      await clock.advance(1);
      expect(stopped).toBe(true);
    });

    it('also when a good-bye fails', async () => {
      const { connection } = setup({
        close: () => {
          throw new Error('not connected');
        },
      });
      await connection.use(1_000);
      await expect(connection.stop()).resolves.toBeUndefined();
    });
  });

  it('says one line when it is lost, one when it stands again, and the tries between for those who debug', async () => {
    const { connection, clock, broker, said } = setup();
    const first = await connection.use(1_000);
    broker.isUp = false;
    connection.lost(first, new Error('reset'));
    await clock.advance(20_000);
    broker.isUp = true;
    await clock.advance(30_000);
    expect(said[0]).toBe('warn amqp connection of "mail" is lost: reset. Dialling again.');
    expect(said.slice(1, -1).every((line) => line.startsWith('debug amqp connection of "mail" failed: refused '))).toBe(true);
    expect(said.at(-1)).toMatch(/^info amqp connection of "mail" stands again after [\d.]+ s\.$/u);
  });

  it('is shared by the pipelines of one address, each with a channel of its own on top', async () => {
    const { connection: below, clock, broker } = setup({ name: 'amqp://broker' });
    const resources = new Resources();
    const channelOf = async (pipeline: string) => {
      const shared = await resources.share('amqp://broker', () => Promise.resolve(below));
      return new SupervisedConnection<Line & { readonly line: Line }>({
        driver: 'amqp',
        name: pipeline,
        connect: async (signal) => {
          const line = await shared.use(Infinity, pipeline, signal);
          return { number: line.number, line };
        },
        close: () => Promise.resolve(),
        clock,
        logger: silentLogger,
      });
    };
    const [mail, bills] = [await channelOf('mail'), await channelOf('bills')];
    expect((await mail.use(1_000)).line).toBe((await bills.use(1_000)).line);
    expect(broker.tries).toBe(1);
    const line = below.current!;
    below.lost(line, new Error('reset'));
    for (const channel of [mail, bills]) channel.lost(channel.current!, new Error('reset'));
    await clock.advance(1_000);
    expect(mail.current?.line).toEqual({ number: 2 });
    expect(bills.current?.line).toBe(mail.current?.line);
    await Promise.all([mail.stop(), bills.stop()]);
    await resources.release('amqp://broker');
    expect(below.current).toEqual({ number: 2 });
    await resources.release('amqp://broker');
    expect(below.current).toBeUndefined();
    expect(clock.pending).toBe(0);
  });
});
