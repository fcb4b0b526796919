import { readFileSync } from 'node:fs';
import type { Delivery } from '../../lib/contract/driver.js';
import type { RawBeanstalk } from '../support/beanstalk.js';
import { rawBeanstalk } from '../support/beanstalk.js';
import { freshTube, openBeanstalk, stopDrivers } from '../support/beanstalk-driver.js';
import { broker } from '../support/brokers.js';
import { aJob, textOf } from '../support/jobs.js';

interface Vector {
  readonly name: string;
  readonly about: string;
  readonly base64: string;
  readonly delaySeconds: number;
  readonly job: {
    readonly id: string;
    readonly name: string;
    readonly pipeline: string;
    readonly payload: string;
    readonly headers: Readonly<Record<string, readonly string[]>>;
    readonly priority: number;
    readonly autoAck: boolean;
  };
}

const vectors = JSON.parse(readFileSync('test/fixtures/interop/beanstalk.json', 'utf8')) as Vector[];
const written = vectors.find(({ name }) => name === 'B2')!;
const beanstalkd = await broker('beanstalk');

beanstalkd.suite('A tube shared with RoadRunner', () => {
  let raw: RawBeanstalk;
  beforeEach(async () => (raw = await rawBeanstalk(beanstalkd)));
  afterEach(async () => {
    raw.close();
    await stopDrivers();
  });

  const openRunning = async (tube: string) => {
    const parts = await openBeanstalk({ options: { addr: beanstalkd.url, tube }, pipeline: 'emails' });
    await parts.driver.run();
    return parts;
  };

  const told = ({ job }: Delivery) => ({
    id: job.id,
    name: job.name,
    pipeline: job.pipeline,
    payload: textOf(job.payload),
    headers: { ...job.headers },
    priority: job.priority,
    autoAck: job.autoAck,
  });

  it.each(vectors)('gives us the job of $name. $about', async ({ base64, job }) => {
    const tube = freshTube();
    const { inbox } = await openRunning(tube);
    await raw.put(tube, Buffer.from(base64, 'base64'));
    const delivery = await inbox.next();
    expect(told(delivery)).toEqual(job);
    await delivery.ack();
  });

  it('gives it the job that we push, byte for byte, with priority, delay and time to run', async () => {
    const tube = freshTube();
    const { driver } = await openBeanstalk({ options: { addr: beanstalkd.url, tube, tubePriority: 3 }, pipeline: 'emails' });
    await driver.push(aJob({ ...written.job, delayMs: written.delaySeconds * 1_000 }));
    await raw.ask(`use ${tube}`);
    const { line, body } = await raw.ask('peek-delayed');
    expect(body.toString('base64')).toBe(written.base64);
    expect(await raw.stats(`stats-job ${line.split(' ')[1]}`)).toMatchObject({ pri: 3, delay: 5, ttr: 30 });
  });

  it('gives it a requeued job of RoadRunner 2025 with its new headers, in the shape of newer versions', async () => {
    const tube = freshTube();
    const { inbox } = await openRunning(tube);
    await raw.put(tube, Buffer.from(vectors.find(({ name }) => name === 'B1')!.base64, 'base64'));
    await (await inbox.next()).requeue({ headers: { ['x-token']: ['IDDQD'] }, delayMs: 5_000 });
    await raw.ask(`use ${tube}`);
    expect((await raw.ask('peek-delayed')).body.toString('base64')).toBe(written.base64);
    expect(await raw.stats(`stats-tube ${tube}`)).toMatchObject({ 'current-jobs-reserved': 0, 'current-jobs-delayed': 1 });
  });

  it('gives us what is no envelope as the payload of a job from elsewhere, as often as it takes', async () => {
    const tube = freshTube();
    const { inbox } = await openRunning(tube);
    await raw.put(tube, Buffer.from('hello raw'));
    const delivery = await inbox.next();
    const foreign = { name: 'deduced_by_rr', pipeline: 'emails', payload: 'hello raw', headers: {}, priority: 10, autoAck: false };
    expect(told(delivery)).toMatchObject(foreign);
    expect(delivery.job.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/u);
    await delivery.requeue({ headers: {}, delayMs: 0 });
    const again = await inbox.next();
    expect(told(again)).toMatchObject({ ...foreign, id: delivery.job.id });
    await again.ack();
  });
});
