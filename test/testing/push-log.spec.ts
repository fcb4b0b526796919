import { JobRecord, NO_HEADERS, type JobHeaders, type Payload } from '../../lib/contract/job.js';
import { PushLog } from '../../lib/testing/push-log.js';

const NOON = Date.UTC(2026, 0, 1, 12);

function logOf(...jobs: readonly { name?: string; queue?: string; payload?: Payload; headers?: JobHeaders; delayMs?: number }[]): PushLog {
  const log = new PushLog();
  for (const { name = 'email.welcome', queue = 'emails', payload = '{"to":"ada"}', headers = NO_HEADERS, delayMs = 0 } of jobs) {
    log.add(new JobRecord(name, queue, payload, headers, 10, delayMs, false, undefined), NOON);
  }
  return log;
}

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It did not throw.');
}

describe('PushLog', () => {
  it('keeps all pushes in their order, with the payload as a handler gets it', () => {
    const bytes = new Uint8Array([1]);
    const log = logOf({ payload: '{"to":"ada"}' }, { payload: 'plain text' }, { payload: bytes, name: 'raw' });
    expect(log.all().map(({ payload }) => payload)).toEqual([{ to: 'ada' }, 'plain text', bytes]);
    expect(log.all('raw')).toHaveLength(1);
  });

  it('shows headers without those of the library, and the moment of the push', () => {
    const headers = Object.assign(Object.create(null) as Record<string, string[]>, { campaign: ['spring'], 'nrr-max-attempts': ['5'] });
    const [job] = logOf({ headers }).all();
    expect(Object.keys(job!.headers)).toEqual(['campaign']);
    expect(job!.pushedAt).toBe(NOON);
  });

  it('finds the first push that matches name, payload, queue, delay and headers', () => {
    const headers = Object.assign(Object.create(null) as Record<string, string[]>, { campaign: ['spring'] });
    const log = logOf({ payload: '{"to":"ada"}' }, { payload: '{"to":"bob"}', queue: 'slow', delayMs: 2_000, headers });
    expect(log.expect({ name: 'email.welcome' }).payload).toEqual({ to: 'ada' });
    const found = log.expect({ name: 'email.welcome', payload: { to: 'bob' }, queue: 'slow', delay: '2s', headers: { campaign: 'spring' } });
    expect(found.queue).toBe('slow');
    expect(() => log.expect({ name: 'email.welcome', payload: { to: 'bob' }, queue: 'emails' })).toThrow('there was none');
    expect(() => log.expect({ name: 'email.welcome', payload: { to: 'bob' }, delay: 3 })).toThrow('there was none');
    expect(() => log.expect({ name: 'email.welcome', headers: { campaign: 'winter' } })).toThrow('there was none');
  });

  it('reads a delay given as a Date from the moment of the push', () => {
    const log = logOf({ delayMs: 60_000 });
    expect(log.expect({ name: 'email.welcome', delay: new Date(NOON + 60_000) }).delayMs).toBe(60_000);
  });

  it('asks a function about payload and job', () => {
    const log = logOf({ payload: '{"to":"ada"}' }, { payload: '{"to":"bob"}' });
    const payload = (value: { to: string }, job: { queue: string }): boolean => value.to === 'bob' && job.queue === 'emails';
    expect(log.expect({ name: 'email.welcome', payload }).payload).toEqual({ to: 'bob' });
    expect(() => log.expect({ name: 'email.welcome', payload: () => false })).toThrow('with a payload for which the given function is true');
  });

  it('counts when a number is asked for', () => {
    const log = logOf({}, {});
    expect(log.expect({ name: 'email.welcome', times: 2 }).name).toBe('email.welcome');
    expect(() => log.expect({ name: 'email.welcome', times: 1 })).toThrow('exactly 1 time, but there were 2.');
    expect(() => log.expect({ name: 'email.welcome', times: 0 })).toThrow('times is 0. Give 1 or more, or use expectNotPushed().');
  });

  it('says what was expected and what was pushed instead', () => {
    const headers = Object.assign(Object.create(null) as Record<string, string[]>, { campaign: ['spring'] });
    const log = logOf({ payload: '{"to":"ada"}' }, { name: 'email.tips', payload: '{"to":"ada"}', delayMs: 2_000, headers });
    const expected = { name: 'email.welcome', payload: { to: 'bob' }, queue: 'emails', delay: '1s', headers: { a: 'b' } };
    expect(messageOf(() => log.expect(expected))).toBe(
      [
        'Expected a push of job "email.welcome" to queue "emails" delayed by "1s" with headers {"a":"b"} with payload {"to":"bob"}, but there was none.',
        'Pushed so far (2):',
        '  1. "email.welcome" to "emails": {"to":"ada"}',
        '  2. "email.tips" to "emails" delayed by 2000 ms with headers {"campaign":["spring"]}: {"to":"ada"}',
      ].join('\n'),
    );
  });

  it('says so when nothing was pushed, and lists no more than twenty', () => {
    expect(messageOf(() => new PushLog().expect({ name: 'x' }))).toBe('Expected a push of job "x", but there was none.\nNothing was pushed.');
    const lines = messageOf(() => logOf(...Array.from({ length: 25 }, () => ({}))).expect({ name: 'x' })).split('\n');
    expect(lines).toHaveLength(23);
    expect(lines.at(-1)).toBe('  … and 5 more');
  });

  it('refuses a push that was not to be', () => {
    const log = logOf({ payload: '{"to":"ada"}' });
    expect(messageOf(() => log.expectNone({ name: 'email.welcome', payload: { to: 'ada' } }))).toBe(
      'Expected no push of job "email.welcome" with payload {"to":"ada"}, but there was 1.\nPushed so far (1):\n  1. "email.welcome" to "emails": {"to":"ada"}',
    );
    expect(() => log.expectNone({ name: 'email.welcome', payload: { to: 'bob' } })).not.toThrow();
  });

  it('forgets when it is told to', () => {
    const log = logOf({});
    log.clear();
    expect(log.all()).toEqual([]);
  });
});
