import { KernelEnvironment } from '../../lib/contract/kernel-environment.js';
import type { KernelDispatcher } from '../../lib/contract/service.js';
import { DispatcherHost } from '../../lib/host/dispatcher-host.js';
import { FinalizerList } from '../../lib/host/finalizer-list.js';

class TestDispatcher implements KernelDispatcher {
  asked = 0;

  constructor(
    readonly answer: boolean | Promise<boolean>,
    readonly result?: unknown,
  ) {}

  canServe(): boolean | Promise<boolean> {
    this.asked++;
    return this.answer;
  }

  serve(): Promise<unknown> {
    return Promise.resolve(this.result);
  }
}

class OtherDispatcher extends TestDispatcher {}

const host = (values: Record<string, string> = {}): DispatcherHost => new DispatcherHost(new KernelEnvironment(values));

describe('The environment of a kernel', () => {
  const environment = new KernelEnvironment({
    RR_MODE: 'ticker',
    YES: 'TRUE',
    YES_TOO: '(true)',
    NO: 'False',
    NO_TOO: '(FALSE)',
    NOTHING: 'null',
    NOTHING_TOO: '(Null)',
    EMPTY: 'empty',
    BLANK: '',
    TEXT: 'trueish',
    RR_OLD: 'true',
    RR_SWITCHED_OFF: 'false',
    RR_NUMBER: '1',
  });

  it.each([
    ['YES', true],
    ['YES_TOO', true],
    ['NO', false],
    ['NO_TOO', false],
    ['NOTHING', undefined],
    ['NOTHING_TOO', undefined],
    ['EMPTY', ''],
    ['BLANK', ''],
    ['TEXT', 'trueish'],
    ['ABSENT', undefined],
  ])('reads %s as %p', (name, value) => {
    expect(environment.get(name)).toBe(value);
  });

  it('answers with the fallback for what is not set, and only then', () => {
    expect(['ABSENT', 'NOTHING', 'NO', 'EMPTY', 'BLANK'].map((name) => environment.get(name, 'fallback'))).toEqual([
      'fallback',
      'fallback',
      false,
      '',
      '',
    ]);
  });

  it('knows what it was spawned for, by the mode or the older variable', () => {
    expect(['ticker', 'old', 'number', 'switched_off', 'TICKER', 'jobs'].map((name) => environment.isSpawnedFor(name))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(environment.mode).toBe('ticker');
    expect(new KernelEnvironment({}).mode).toBe('');
  });
});

describe('A host of dispatchers', () => {
  it('lets the first that can serve do it, and answers with its result', async () => {
    const dispatchers = [new TestDispatcher(false), new TestDispatcher(Promise.resolve(true), 42), new TestDispatcher(true, 43)];
    const subject = host();
    for (const dispatcher of dispatchers) subject.addDispatcher(dispatcher);
    expect(await subject.serve()).toBe(42);
    expect(dispatchers.map(({ asked }) => asked)).toEqual([1, 1, 0]);
  });

  it('shows the dispatchers the environment', async () => {
    const subject = host({ RR_MODE: 'ticker' }).addDispatcher({
      canServe: (environment) => environment.isSpawnedFor('ticker'),
      serve: () => Promise.resolve('served'),
    });
    expect(await subject.serve()).toBe('served');
  });

  it('names the mode and whom it asked when none can serve', async () => {
    const subject = host({ RR_MODE: 'kafka' }).addDispatcher(new TestDispatcher(false)).addDispatcher(new OtherDispatcher(false));
    await expect(subject.serve()).rejects.toMatchObject({
      code: 'DISPATCHER_NOT_FOUND',
      mode: 'kafka',
      asked: ['TestDispatcher', 'OtherDispatcher'],
      message: expect.stringContaining('No dispatcher can serve RR_MODE "kafka"; asked were TestDispatcher, OtherDispatcher.'),
    });
  });

  it('says so when there is no mode and no dispatcher', async () => {
    await expect(host().serve()).rejects.toThrow('No dispatcher can serve a process without RR_MODE; there is none.');
  });

  it('tells what happens, in order', async () => {
    const told: unknown[] = [];
    const winner = new TestDispatcher(true);
    const subject = host()
      .on('serving', () => told.push('serving'))
      .on('dispatcherFound', (dispatcher) => told.push(dispatcher))
      .on('finalizing', (terminate) => told.push(['finalizing', terminate]))
      .addDispatcher(winner);
    await subject.serve();
    await subject.finalizer.finalize(true);
    expect(told).toEqual(['serving', winner, ['finalizing', true]]);
  });

  it('tells that none was found', async () => {
    const told: string[] = [];
    const subject = host()
      .on('serving', () => told.push('serving'))
      .on('dispatcherNotFound', () => told.push('dispatcherNotFound'));
    await expect(subject.serve()).rejects.toMatchObject({ code: 'DISPATCHER_NOT_FOUND' });
    expect(told).toEqual(['serving', 'dispatcherNotFound']);
  });

  it('serves once, and takes no dispatcher after that', async () => {
    const subject = host().addDispatcher(new TestDispatcher(true));
    await subject.serve();
    await expect(subject.serve()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(() => subject.addDispatcher(new TestDispatcher(true))).toThrow('TestDispatcher was added after serve()');
  });

  it('hands on what canServe() throws', async () => {
    const subject = host().addDispatcher(new TestDispatcher(Promise.reject(new Error('no answer'))));
    await expect(subject.serve()).rejects.toThrow('no answer');
  });
});

describe('Finalizers', () => {
  it('run in the order they were added, with the same word', async () => {
    const calls: unknown[] = [];
    const finalizer = new FinalizerList()
      .add(async (terminate) => {
        await Promise.resolve();
        calls.push(['first', terminate]);
      })
      .add((terminate) => void calls.push(['second', terminate]));
    await finalizer.finalize();
    await finalizer.finalize(true);
    expect(calls).toEqual([
      ['first', false],
      ['second', false],
      ['first', true],
      ['second', true],
    ]);
  });

  it('all run though some fail; their errors come together', async () => {
    const calls: string[] = [];
    const finalizer = new FinalizerList()
      .add(() => {
        throw new Error('sync');
      })
      .add(() => Promise.reject(new Error('async')))
      .add(() => void calls.push('third'));
    const failure = await finalizer.finalize().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AggregateError);
    expect((failure as AggregateError).errors).toMatchObject([{ message: 'sync' }, { message: 'async' }]);
    expect((failure as AggregateError).message).toBe('2 of 3 finalizers failed, the others have run: sync; async');
    expect(calls).toEqual(['third']);
  });

  it('know whether there are any', () => {
    expect(new FinalizerList().isEmpty).toBe(true);
    expect(new FinalizerList().add(() => {}).isEmpty).toBe(false);
  });
});
