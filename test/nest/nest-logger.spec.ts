import { Logger } from '@nestjs/common';
import { createNestLogger } from '../../lib/nest/nest-logger.js';
import { LogKeeper } from './support/jobs-app.js';

const ESCAPE = '\u001b';
const RIGHT_TO_LEFT = '\u202e';

function open() {
  const log = new LogKeeper();
  Logger.overrideLogger(log);
  return { log, logger: createNestLogger() };
}

describe("The kernel's log in an application of Nest", () => {
  afterEach(() => Logger.overrideLogger(new LogKeeper()));

  it('keeps a message on its line, whatever a name has in it', () => {
    const { log, logger } = open();
    logger.warn('Job "a\r\n[Nest] all is well\u2028" failed', { job: 'a\nb' });
    expect(log.lines.map(({ message }) => message)).toEqual(['Job "a [Nest] all is well " failed (job: a b)']);
  });

  it.each([
    [ESCAPE, String.raw`\u001b`],
    [RIGHT_TO_LEFT, String.raw`\u202e`],
    ['\u0000', String.raw`\u0000`],
  ])('shows control characters instead of obeying them: %j', (character, shown) => {
    const { log, logger } = open();
    logger.info(`Job "${character}[2J"`, { job: character });
    expect(log.lines[0]?.message).toBe(`Job "${shown}[2J" (job: ${shown})`);
  });

  it('keeps the lines of a stack, and nothing else of what a terminal obeys', () => {
    const { log, logger } = open();
    logger.error('It failed.', { stack: `Error: ${ESCAPE}[2J\n    at handle` });
    expect(log.lines).toMatchObject([{ message: 'It failed.', stack: String.raw`Error: \u001b[2J` + '\n    at handle' }]);
  });

  it('leaves letters of all scripts and emoji as they are', () => {
    const { log, logger } = open();
    logger.debug('Grüße 你好 👩‍💻');
    expect(log.lines[0]?.message).toBe('Grüße 你好 👩‍💻');
  });
});
