import { silentLogger } from '../../lib/contract/logger.js';
import { HandlerRegistry } from '../../lib/runtime/handler-registry.js';
import { Handler } from '../../lib/runtime/handler.js';

function registryOf(...routes: readonly [queue: string | undefined, name: string | undefined][]): HandlerRegistry {
  const registry = new HandlerRegistry();
  for (const [queue, name] of routes) registry.add({ queue, name }, new Handler(`${queue ?? '-'}/${name ?? '-'}`, () => undefined, {}, silentLogger));
  return registry;
}

describe('HandlerRegistry', () => {
  const all: [string | undefined, string | undefined][] = [
    ['emails', 'email.send'],
    ['emails', 'email.*'],
    ['emails', 'email.send.*'],
    ['emails', undefined],
    ['tenant-*', 'email.send'],
    ['tenant-*', undefined],
    [undefined, 'email.send'],
    [undefined, '*.send'],
    [undefined, undefined],
  ];

  it.each([
    ['emails', 'email.send', 'emails/email.send'],
    ['emails', 'email.other', 'emails/email.*'],
    ['emails', 'email.send.now', 'emails/email.send.*'],
    ['emails', 'sms.send', 'emails/-'],
    ['tenant-7', 'email.send', 'tenant-*/email.send'],
    ['tenant-7', 'email.other', 'tenant-*/-'],
    ['other', 'email.send', '-/email.send'],
    ['other', 'sms.send', '-/*.send'],
    ['other', 'anything', '-/-'],
  ])('queue %s, job %s: the most specific one, %s', (queue, name, expected) => {
    expect(registryOf(...all).find(queue, name)?.label).toBe(expected);
    expect(registryOf(...all.toReversed()).find(queue, name)?.label).toBe(expected);
  });

  it('finds nothing when nobody takes the job', () => {
    expect(registryOf(['emails', 'email.send']).find('emails', 'email.receive')).toBeUndefined();
    expect(registryOf(['emails', 'email.send']).find('other', 'email.send')).toBeUndefined();
  });

  it('finds a handler that is added after the job was looked for', () => {
    const registry = registryOf([undefined, undefined]);
    expect(registry.find('emails', 'email.send')?.label).toBe('-/-');
    registry.add({ queue: 'emails', name: 'email.send' }, new Handler('new', () => undefined, {}, silentLogger));
    expect(registry.find('emails', 'email.send')?.label).toBe('new');
  });

  it('refuses a second handler of the same name and queue, and names both', () => {
    const registry = registryOf(['emails', 'email.send']);
    const second = new Handler('Second.handle()', () => undefined, {}, silentLogger);
    expect(() => registry.add({ queue: 'emails', name: 'email.send' }, second)).toThrow(
      expect.objectContaining({ code: 'HANDLER_CONFLICT', first: 'emails/email.send', second: 'Second.handle()' }) as Error,
    );
    registry.add({ queue: undefined, name: 'email.send' }, second);
  });

  it.each([
    ['a*c', 'abc', true],
    ['a*c', 'ac', true],
    ['a*c', 'abcd', false],
    ['*', '', true],
    ['a*a', 'a', false],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'acb', false],
    ['a**c', 'abc', true],
    ['*.send', 'email.send', true],
    ['*.send', 'email.sends', false],
  ])('pattern %s, name %s: %s', (pattern, name, isMatch) => {
    expect(registryOf([undefined, pattern]).find('q', name) !== undefined).toBe(isMatch);
  });

  it('matches a hostile name in linear time', () => {
    const registry = registryOf([undefined, `${'a*'.repeat(50)}b`]);
    const startedAt = performance.now();
    expect(registry.find('q', 'a'.repeat(100_000))).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('takes names that are properties of every object as names', () => {
    const registry = registryOf(['__proto__', 'constructor']);
    expect(registry.find('__proto__', 'constructor')?.label).toBe('__proto__/constructor');
    expect(registry.find('__proto__', 'toString')).toBeUndefined();
  });

  it('stays bounded, however many names come', () => {
    const registry = registryOf([undefined, '*']);
    for (let index = 0; index < 30_000; index++) expect(registry.find('q', `job-${index}`)?.label).toBe('-/*');
  });
});
