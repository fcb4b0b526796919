/*
 * beanstalkd shows only the first job of a tube in each state, but any job by its number, and numbers only grow:
 *
 *   stats-tube <tube>     how many jobs there are
 *   peek-ready, -delayed, -buried   the first of each, however old
 *   stats-job <number>    tube, state, priority and time left; NOT_FOUND for one that is gone
 *
 * So the numbers are gone through from the newest down, until as many jobs were met as the tube has. Of what is older than a bound only the
 * first ones are found: numbers are of all tubes and of jobs that are long done, and nobody knows how far down the next one is.
 */
import type { BeanstalkClient } from './client.js';
import { numberOf } from './lane.js';

/** A job of the tube that nobody has reserved. */
export interface TubeJob {
  readonly number: number;
  readonly state: 'waiting' | 'delayed' | 'buried';
  /** Among those of its tube: lower first. */
  readonly priority: number;
  /** Until it is due. Unit: seconds. */
  readonly leftSeconds: number;
}

/** How many numbers are looked at for one question: about a second. */
const MAX_LOOKED_AT = 100_000;
/** Questions under way at once. */
const BATCH = 256;
/** Nobody reserves from it. */
const PROBE_TUBE = 'nrr.newest-number';
const NO_BODY = new Uint8Array();
const STATES: Readonly<Record<string, TubeJob['state']>> = { ready: 'waiting', delayed: 'delayed', buried: 'buried' };
const ORDER: readonly TubeJob['state'][] = ['waiting', 'delayed', 'buried'];

/** Jobs in each state, as beanstalkd counts them. */
export interface TubeCounts {
  readonly waiting: number;
  readonly delayed: number;
  readonly buried: number;
}

/** A tube that does not exist holds nothing. */
export async function countsOf(client: BeanstalkClient, tube: string): Promise<TubeCounts> {
  const { word, body } = await client.ask(`stats-tube ${tube}`);
  const stats = word === 'OK' && body !== undefined ? body.toString('latin1') : '';
  const count = (state: string) => numberOf(stats, `current-jobs-${state}`);
  return { waiting: count('ready'), delayed: count('delayed'), buried: count('buried') };
}

/** The number of the first job in a state. */
export async function headOf(client: BeanstalkClient, tube: string, state: 'ready' | 'delayed' | 'buried'): Promise<number | undefined> {
  client.use(tube);
  const { word, id } = await client.ask(`peek-${state}`);
  return word === 'FOUND' ? id : undefined;
}

/** Jobs of the tube: waiting ones in the order of their delivery, delayed ones by their time, buried ones by their age. */
export async function jobsOf(client: BeanstalkClient, tube: string): Promise<TubeJob[]> {
  const { waiting, delayed, buried } = await countsOf(client, tube);
  const total = waiting + delayed + buried;
  if (total === 0) return [];
  const found = new Map<number, TubeJob>();
  const look = async (numbers: readonly number[]): Promise<void> => {
    const jobs = await Promise.all(numbers.map((number) => jobAt(client, tube, number)));
    for (const job of jobs) if (job !== undefined) found.set(job.number, job);
  };
  const heads = await Promise.all((['ready', 'delayed', 'buried'] as const).map((state) => headOf(client, tube, state)));
  await look(heads.filter((number) => number !== undefined));
  const newest = found.size < total ? await newestNumber(client) : 0;
  const last = Math.max(0, newest - MAX_LOOKED_AT);
  for (let at = newest; at > last && found.size < total; at -= BATCH) {
    await look(Array.from({ length: Math.min(BATCH, at - last) }, (_, index) => at - index));
  }
  return [...found.values()].sort(byDelivery);
}

async function jobAt(client: BeanstalkClient, tube: string, number: number): Promise<TubeJob | undefined> {
  const { word, body } = await client.ask(`stats-job ${number}`);
  if (word !== 'OK' || body === undefined) return undefined;
  const stats = body.toString('latin1');
  const state = STATES[textOf(stats, 'state')];
  if (state === undefined || textOf(stats, 'tube') !== tube) return undefined;
  return { number, state, priority: numberOf(stats, 'pri'), leftSeconds: numberOf(stats, 'time-left') };
}

// Only a put tells it. A job that stays behind, because the connection ended in between, is empty and in nobody's way.
async function newestNumber(client: BeanstalkClient): Promise<number> {
  client.use(PROBE_TUBE);
  const { word, id } = await client.ask('put 0 0 1 0', NO_BODY);
  if (word !== 'INSERTED') throw new Error(`beanstalkd takes no jobs (${word}), which is how the newest ones are found.`);
  await client.ask(`delete ${id}`);
  return id;
}

function byDelivery(a: TubeJob, b: TubeJob): number {
  if (a.state !== b.state) return ORDER.indexOf(a.state) - ORDER.indexOf(b.state);
  const first = a.state === 'waiting' ? a.priority - b.priority : a.state === 'delayed' ? a.leftSeconds - b.leftSeconds : 0;
  return first || a.number - b.number;
}

/** A text of the lines of a `stats-…`, which newer servers put in quotes. */
function textOf(stats: string, name: string): string {
  return new RegExp(`^${name}: "?(.*?)"?$`, 'mu').exec(stats)?.[1] ?? '';
}
