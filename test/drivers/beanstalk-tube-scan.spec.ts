import type { BeanstalkClient } from '../../lib/drivers/beanstalk/client.js';
import type { Reply } from '../../lib/drivers/beanstalk/reply-reader.js';
import { jobsOf } from '../../lib/drivers/beanstalk/tube-scan.js';

/** Jobs of a tube by their numbers, and the newest number of the server. */
interface FakeTube {
  readonly newest: number;
  readonly jobs: Readonly<Record<number, 'ready' | 'delayed' | 'buried' | 'reserved'>>;
}

/** As a beanstalkd on which `newest` jobs were put. */
function serverOf({ newest, jobs }: FakeTube): { client: BeanstalkClient; asked: () => number } {
  let asked = 0;
  const numbers = Object.keys(jobs).map(Number);
  const inState = (state: string) => numbers.filter((number) => jobs[number] === state);
  const ok = (lines: readonly string[]): Reply => ({ word: 'OK', id: 0, body: Buffer.from(`---\n${lines.join('\n')}\n`) });
  const word = (text: string, id = 0): Reply => ({ word: text, id, body: undefined });
  const answer = (command: string): Reply => {
    const [verb = '', argument = ''] = command.split(' ');
    if (verb === 'stats-tube')
      return ok(['ready', 'delayed', 'buried', 'reserved'].map((state) => `current-jobs-${state}: ${inState(state).length}`));
    if (verb === 'put') return word('INSERTED', newest + 1);
    if (verb.startsWith('peek-')) {
      const [first] = inState(verb.slice('peek-'.length));
      return first === undefined ? word('NOT_FOUND') : { ...word('FOUND', first), body: Buffer.alloc(0) };
    }
    if (verb !== 'stats-job') return word('DELETED');
    asked++;
    const state = jobs[Number(argument)];
    return state === undefined ? word('NOT_FOUND') : ok([`tube: "mail"`, `state: ${state}`, 'pri: 0', 'time-left: 0']);
  };
  const client = { use: () => {}, ask: (command: string) => Promise.resolve(answer(command)) };
  return { client: client as unknown as BeanstalkClient, asked: () => asked };
}

const numbersOf = async (client: BeanstalkClient) => (await jobsOf(client, 'mail')).map(({ number }) => number);

describe('The jobs of a tube', () => {
  it('are found among the newest hundred thousand numbers of the server', async () => {
    const { client } = serverOf({ newest: 1_000_000, jobs: { 900_005: 'ready', 950_000: 'ready', 1_000_000: 'ready' } });
    expect(await numbersOf(client)).toEqual([900_005, 950_000, 1_000_000]);
  });

  it('that are older are found when they are the first of their state, and not behind it', async () => {
    const { client } = serverOf({ newest: 1_000_000, jobs: { 7: 'ready', 8: 'ready', 9: 'delayed', 10: 'buried', 999_999: 'ready' } });
    expect(await numbersOf(client)).toEqual([7, 999_999, 9, 10]);
  });

  it('are looked for no further than their count', async () => {
    const { client, asked } = serverOf({ newest: 1_000_000, jobs: { 999_990: 'ready', 999_995: 'ready', 999_999: 'reserved' } });
    await numbersOf(client);
    expect(asked()).toBeLessThan(1_000);
  });

  it('are none without a look where the tube is empty', async () => {
    const { client, asked } = serverOf({ newest: 1_000_000, jobs: {} });
    expect(await numbersOf(client)).toEqual([]);
    expect(asked()).toBe(0);
  });
});
