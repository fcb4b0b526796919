import { OutputLog } from '../../lib/pool/output-log.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { createLog } from '../support/kernel.js';

function open(isHeld = false) {
  const logger = createLog();
  const clock = new VirtualClock();
  return { logger, clock, log: new OutputLog({ logger, clock, pid: 7, stream: 'stderr', isHeld }) };
}

const lines = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join(''));

describe('The output of a worker that starts', () => {
  it('is told when it is released, in order, and from then on at once', () => {
    const { log, logger } = open(true);
    log.write(Buffer.from('one\ntwo\n'));
    expect(logger.lines).toEqual([]);
    log.release();
    log.write(Buffer.from('three\n'));
    expect(logger.lines.map(({ message }) => message)).toEqual(['Worker 7: one', 'Worker 7: two', 'Worker 7: three']);
  });

  it('is not told when the start fails: its last words are', () => {
    const { log, logger } = open(true);
    log.write(Buffer.from('one\nTypeError: no database'));
    log.end();
    expect(logger.lines).toEqual([]);
    expect(log.tail).toBe('one\nTypeError: no database');
  });

  it('is held up to a limit, and what is beyond is counted', async () => {
    const { log, logger, clock } = open(true);
    for (let second = 0; second < 3; second++) {
      log.write(lines(60));
      await clock.advance(1_000);
    }
    log.release();
    log.end();
    expect(logger.lines.filter(({ message }) => message.startsWith('Worker 7: '))).toHaveLength(100);
    const dropped = logger.lines.map(({ fields }) => Number(fields['dropped'] ?? 0));
    expect(dropped.reduce((sum, count) => sum + count)).toBe(80);
  });
});

describe('The last words of a worker', () => {
  it('are the end of what it wrote', () => {
    const { log } = open();
    log.write(Buffer.from('one\ntwo\n'));
    expect(log.tail).toBe('one\ntwo');
  });

  it.each([1, 3])('are the end of what it wrote in a flood too, of which the log has the beginning: %d chunks', (chunks) => {
    const { log, logger } = open();
    for (let chunk = 1; chunk < chunks; chunk++) log.write(lines(400));
    log.write(Buffer.concat([lines(400), Buffer.from('Error: out of \u001b[31mluck\u0007\n')]));
    log.end();
    expect(log.tail).toMatch(/line 399\nline 400\nError: out of luck\ufffd$/);
    expect(log.tail.length).toBeLessThanOrEqual(2_048);
    expect(logger.lines.filter(({ message }) => message.startsWith('Worker 7: '))).toHaveLength(100);
    expect(logger.lines.at(-1)?.fields['dropped']).toBe(chunks * 400 + 1 - 100);
  });
});
