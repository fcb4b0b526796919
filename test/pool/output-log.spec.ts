import { OutputLog } from '../../lib/pool/output-log.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { createLog } from '../support/kernel.js';

function open() {
  const logger = createLog();
  return { logger, log: new OutputLog({ logger, clock: new VirtualClock(), pid: 7, stream: 'stderr' }) };
}

const lines = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join(''));

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
