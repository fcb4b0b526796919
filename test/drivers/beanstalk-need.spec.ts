import { openBeanstalk, stopDrivers, type DriverGiven } from '../support/beanstalk-driver.js';
import { aJob } from '../support/jobs.js';
import { scriptedBeanstalk, type ScriptedBeanstalk } from '../support/scripted-beanstalk.js';

/** What the real one answers while all is well. */
const WELL: Readonly<Record<string, string>> = {
  ...{ watch: 'WATCHING 2', ignore: 'WATCHING 1', use: 'USING emails', put: 'INSERTED 1', delete: 'DELETED', release: 'RELEASED' },
  ...{ bury: 'BURIED', touch: 'TOUCHED', 'reserve-with-timeout': 'TIMED_OUT', 'stats-job': 'OK 17\r\npri: 0\r\nttr: 30\r\n' },
};

describe('A beanstalkd in need', () => {
  const servers: ScriptedBeanstalk[] = [];
  afterEach(async () => {
    await stopDrivers();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  /** Answers as it does while all is well, but for what is given; jobs come one after the other. */
  const open = async (answers: Readonly<Record<string, string>>, given: DriverGiven & { readonly jobs?: number } = {}) => {
    let number = 0;
    const { jobs = 0 } = given;
    const server = await scriptedBeanstalk((command) => {
      const [verb = ''] = command.split(' ');
      if (verb === 'reserve-with-timeout' && number < jobs) return `RESERVED ${++number} 4\r\nbody`;
      return answers[verb] ?? WELL[verb] ?? 'UNKNOWN_COMMAND';
    });
    servers.push(server);
    return { ...(await openBeanstalk({ ...given, options: { addr: server.url, tube: 'emails' } })), server };
  };
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  it('that has no memory for a tube is given no job for another one', async () => {
    const { driver } = await open({ use: 'OUT_OF_MEMORY' });
    await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'PUSH_UNCERTAIN', cause: { message: expect.stringContaining('OUT_OF_MEMORY') } });
  });

  it('that has no memory to watch a tube is asked for no job of another one', async () => {
    const { driver, server } = await open({ watch: 'OUT_OF_MEMORY', ignore: 'NOT_IGNORED' });
    const running = driver.run();
    await until(() => server.commands.filter((command) => command.startsWith('watch ')).length > 1); // another try
    expect(server.commands.filter((command) => command.startsWith('reserve'))).toEqual([]);
    await stopDrivers();
    await running;
  });

  it.each([
    ['release', 'BURIED', { requeue: true }],
    ['release', 'OUT_OF_MEMORY', { requeue: true }],
    ['bury', 'INTERNAL_ERROR', { requeue: false }],
  ])('is told of when it does not %s a job: %s', async (verb, answer, nack) => {
    const { driver, inbox, log } = await open({ [verb]: answer }, { jobs: 1 });
    await driver.run();
    const delivery = await inbox.next();
    await delivery.nack(nack);
    expect(log.lines).toMatchObject([{ level: 'warn', message: expect.stringMatching(new RegExp(`${answer}.*${verb}.*${delivery.job.id}`, 'u')) }]);
  });

  it('is told of when it does not delete a job that is done', async () => {
    const { driver, inbox, log } = await open({ delete: 'INTERNAL_ERROR' }, { jobs: 1 });
    await driver.run();
    await (await inbox.next()).ack();
    await until(() => log.lines.length > 0);
    expect(log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('INTERNAL_ERROR') }]);
  });

  it('pauses a pipeline that is resumed at once and always has jobs', async () => {
    const { driver, inbox } = await open({}, { jobs: Infinity });
    await driver.run();
    await inbox.next();
    const pausing = driver.pause();
    await driver.resume();
    await pausing;
    expect(await driver.stat()).toMatchObject({ ready: true });
    await driver.pause();
  });
});
