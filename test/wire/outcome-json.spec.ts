import type { Outcome } from '../../lib/contract/executor.js';
import { failureOf } from '../../lib/contract/failure.js';
import { RetryJobError, SnoozeJobError } from '../../lib/contract/job-errors.js';
import { ACK_BODY, encodeAnswer, encodeOutcome } from '../../lib/wire/job-answer.js';
import { readOutcome, writeOutcome } from '../../lib/wire/outcome-json.js';

/** As it is after its way over the wire. */
const travelled = (outcome: Outcome, retry?: Parameters<typeof writeOutcome>[1]) =>
  readOutcome(JSON.parse(JSON.stringify(writeOutcome(outcome, retry))));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('An outcome on its way from a worker to its kernel', () => {
  it.each<Outcome>([
    { kind: 'nacked', requeue: true, delayMs: 1.5, reason: 'not "now" 🚀' },
    { kind: 'requeue', headers: { h: ['1', '2'], none: [] }, delayMs: 250, reason: '', spendsAttempt: true },
    { kind: 'rejected', error: { type: 'Error', message: 'no' } },
    { kind: 'failed', error: { type: 'TypeError', message: 'no', code: 'E_NO', stack: 'TypeError: no\n  at' } },
    { kind: 'unstarted' },
  ])('stays what it is: %j', (outcome) => {
    expect(travelled(outcome)?.outcome).toEqual(outcome);
  });

  it('keeps the wish of a RetryJobError', () => {
    const wish = new RetryJobError('again', { delay: '7s', headers: { one: '1', two: ['2', '3'] } });
    const { outcome } = travelled({ kind: 'failed', error: failureOf(wish) })!;
    expect(outcome).toMatchObject({ error: { code: 'RETRY_JOB', cause: { message: 'again', delay: '7s', headers: { one: '1', two: ['2', '3'] } } } });
  });

  it('keeps the wish of a SnoozeJobError', () => {
    const { outcome } = travelled({ kind: 'failed', error: failureOf(new SnoozeJobError(42)) })!;
    expect(outcome).toMatchObject({ error: { code: 'SNOOZE_JOB', cause: { delay: 42 } } });
  });

  it.each([
    new SnoozeJobError(Number.NaN),
    new SnoozeJobError({} as never),
    Object.assign(new Error('later'), { code: 'SNOOZE_JOB' }),
    new RetryJobError('again', { delay: Infinity }),
  ])('keeps a delay that is none as such, so that the kernel refuses it: %o', (wish) => {
    const { outcome } = travelled({ kind: 'failed', error: failureOf(wish) })!;
    expect(outcome).toMatchObject({ error: { cause: { delay: Number.NaN } } });
  });

  it('knows a wish by its code: the error may be of another copy of this library', () => {
    const { outcome } = travelled({ kind: 'failed', error: failureOf(Object.assign(new Error('later'), { code: 'SNOOZE_JOB', delay: 9 })) })!;
    expect(outcome).toMatchObject({ error: { cause: { delay: 9 } } });
  });

  it('takes a snooze that says no delay for one without a delay, not for one of 0', () => {
    const { outcome } = readOutcome({ kind: 'failed', error: { type: 'Error', message: '', code: 'SNOOZE_JOB' } })!;
    expect(outcome).toMatchObject({ error: { cause: { delay: Number.NaN } } });
  });

  it('carries no cause that is no wish', () => {
    const { outcome } = travelled({ kind: 'failed', error: failureOf(new Error('no', { cause: 'secret' })) })!;
    expect((outcome as { error: object }).error).not.toHaveProperty('cause');
  });

  it("carries the handler's own policy", () => {
    const { retry } = travelled({ kind: 'failed', error: { type: 'Error', message: '' } }, { attempts: 2, delayMs: 5, onFailure: 'queue:dead' })!;
    expect(retry).toMatchObject({ attempts: 2, onFailure: 'queue:dead' });
    expect(retry?.backoff?.(1)).toBe(5);
  });

  it('has headers without a prototype', () => {
    const { outcome } = travelled({ kind: 'requeue', headers: { toString: ['x'] }, delayMs: 0, reason: '', spendsAttempt: false })!;
    expect(Object.getPrototypeOf((outcome as { headers: object }).headers)).toBeNull();
  });

  it('needs no words when all went well', () => {
    expect(writeOutcome({ kind: 'done' })).toBeUndefined();
    expect(encodeOutcome({ kind: 'done' })).toBe(ACK_BODY);
  });

  it.each([
    undefined,
    null,
    7,
    'unstarted',
    [],
    {},
    { kind: 'done' },
    { kind: 'crashed', reason: 'exit', detail: '' },
    { kind: 'failed' },
    { kind: 'failed', error: { type: 'Error' } },
    { kind: 'failed', error: 'boom' },
    { kind: 'failed', error: { type: 'Error', message: '' }, asked: 7 },
    { kind: 'nacked', requeue: 1, delayMs: 0, reason: '' },
    { kind: 'nacked', requeue: true, delayMs: -1, reason: '' },
    { kind: 'nacked', requeue: true, delayMs: 0 },
    { kind: 'requeue', headers: { h: 'text' }, delayMs: 0, reason: '', spendsAttempt: false },
    { kind: 'requeue', headers: [['h']], delayMs: 0, reason: '', spendsAttempt: false },
    { kind: 'requeue', headers: {}, delayMs: 0, reason: '' },
  ])('is refused when it is %j', (json) => {
    expect(readOutcome(json)).toBeUndefined();
  });

  it.each([{ attempts: 0 }, { attempts: 'many' }, { delayMs: -1 }, { onFailure: 'burn' }, { onFailure: 7 }])(
    'loses what of a policy cannot be used: %j',
    (retry) => {
      expect(readOutcome({ kind: 'failed', error: { type: 'Error', message: '' }, retry })?.retry).toEqual({});
    },
  );
});

describe('The body of an answer', () => {
  it('has no headers when there are none', () => {
    expect(textOf(encodeAnswer({ type: 4, message: 'again', delayMs: 0, headers: {} }))).toBe(
      '{"type":4,"data":{"message":"again","delay_seconds":0}}',
    );
  });

  it('rounds delays up to seconds and keeps the exact one beside', () => {
    const text = textOf(encodeOutcome({ kind: 'nacked', requeue: true, delayMs: 1_001, reason: 'r' }));
    expect(JSON.parse(text)).toEqual({
      type: 3,
      data: { message: 'r', requeue: true, delay_seconds: 2 },
      nrr: { kind: 'nacked', requeue: true, delayMs: 1_001, reason: 'r' },
    });
  });

  it('says a crash inside the worker as a failure', () => {
    const text = textOf(encodeOutcome({ kind: 'crashed', reason: 'exit', detail: 'gone' }));
    expect(JSON.parse(text)).toMatchObject({
      type: 1,
      data: { message: 'gone', requeue: false },
      nrr: { kind: 'failed', error: { message: 'gone' } },
    });
  });
});
