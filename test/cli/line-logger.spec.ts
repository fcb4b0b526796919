import { createLineLogger } from '../../lib/cli/line-logger.js';

type LogSettings = NonNullable<Parameters<typeof createLineLogger>[1]>;

function open(settings?: LogSettings) {
  const lines: string[] = [];
  return { lines, logger: createLineLogger((line) => lines.push(line), settings) };
}

const JSON_LINES: LogSettings = { mode: 'production', level: 'debug' };

describe('The log of a served kernel', () => {
  it('says why, where the message alone does not', () => {
    const { lines, logger } = open();
    logger.error('The services did not stop in order.', { error: new AggregateError([new Error('stuck'), 'no reason'], '2 of 3 did not stop.') });
    logger.error('The job comes back.', { error: 'disk full', id: 'x' });
    expect(lines).toEqual([
      expect.stringMatching(/ ERROR The services did not stop in order\. 2 of 3 did not stop\. stuck; no reason$/),
      expect.stringMatching(/ ERROR The job comes back\. disk full$/),
    ]);
  });

  it('does not say it twice', () => {
    const { lines, logger } = open();
    logger.warn('It failed: no room.', { error: new Error('no room') });
    expect(lines).toEqual([expect.stringMatching(/ WARN It failed: no room\.$/)]);
  });

  it('tells the parts of an error that its message does not tell, and each of them once', () => {
    const { lines, logger } = open();
    const error = new AggregateError([new Error('stuck'), new Error('no room')], '2 of 3 did not stop: stuck');
    logger.error('The services did not stop in order.', { error });
    logger.error('No server.', { error: new AggregateError([new Error('refused')], '') });
    expect(lines).toEqual([
      expect.stringMatching(/ ERROR The services did not stop in order\. 2 of 3 did not stop: stuck no room$/),
      expect.stringMatching(/ ERROR No server\. refused$/),
    ]);
  });

  it('tells errors to programs with their reasons', () => {
    const { lines, logger } = open(JSON_LINES);
    logger.error('Not in order.', { error: new AggregateError([new Error('stuck')], '1 of 1.') });
    expect(JSON.parse(lines[0])).toMatchObject({ level: 'error', msg: 'Not in order.', error: '1 of 1. stuck' });
  });

  it('takes facts that JSON has no words for, at any depth, and keeps the line', () => {
    const { lines, logger } = open(JSON_LINES);
    const loop: Record<string, unknown> = {};
    loop['loop'] = loop;
    logger.info('Committed.', { offset: 42n, last: { error: new Error('gone') }, loop });
    expect(JSON.parse(lines[0])).toEqual({
      level: 'info',
      ts: expect.any(String),
      logger: 'jobs',
      msg: 'Committed.',
      offset: '42',
      last: { error: 'gone' },
      loop: '[object Object]',
    });
  });

  it('is the message alone with the mode raw', () => {
    const { lines, logger } = open({ mode: 'raw', level: 'info' });
    logger.info('Ready\u0007.');
    expect(lines).toEqual(['Ready\\u0007.']);
  });
});
