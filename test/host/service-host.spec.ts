import { deadlineAfter } from '../../lib/contract/clock.js';
import { JobsConfigError } from '../../lib/contract/errors.js';
import type { KernelService } from '../../lib/contract/service.js';
import { ServiceHost, type ServiceHostOptions } from '../../lib/host/service-host.js';
import { turns } from '../../lib/testing/virtual-clock.js';
import { createBench, workerState } from './support/bench.js';

interface TestService extends KernelService {
  fail(error: Error): void;
}

function createService(name: string, calls: string[], changes: Partial<KernelService> = {}): TestService {
  let onError: (error: Error) => void = () => {};
  return {
    name,
    init: (config) => void calls.push(`${name}.init(${JSON.stringify(config)})`),
    serve: (report) => {
      onError = report;
      calls.push(`${name}.serve`);
    },
    stop: () => {
      calls.push(`${name}.stop`);
      return Promise.resolve();
    },
    fail: (error) => onError(error),
    ...changes,
  };
}

function open(services: readonly KernelService[], options: Partial<ServiceHostOptions> = {}) {
  const bench = createBench();
  const entries = services.map((service, index) => ({ service, config: { index } }));
  const host = new ServiceHost({ services: entries, context: bench.context, ...options });
  return { ...bench, host, deadline: deadlineAfter(bench.clock, 1_000) };
}

describe('A host of services', () => {
  it('checks all configurations before it begins with the first', async () => {
    const calls: string[] = [];
    const { host, deadline } = open([createService('a', calls), createService('b', calls)]);
    await host.start();
    expect(host.names).toEqual(['a', 'b']);
    await host.stop(deadline);
    expect(calls).toEqual(['a.init({"index":0})', 'b.init({"index":1})', 'a.serve', 'b.serve', 'a.stop', 'b.stop']);
  });

  it('gives each service what is around it', async () => {
    let seen: unknown;
    const { host, context } = open([createService('a', [], { init: (_, environment) => void (seen = environment) })]);
    await host.start();
    expect(seen).toBe(context);
  });

  it('leaves a service out that says so', async () => {
    const calls: string[] = [];
    const { host, deadline } = open([
      createService('a', calls, { init: () => false }),
      createService('b', calls, { init: () => Promise.resolve(true) }),
    ]);
    await host.start();
    await host.stop(deadline);
    expect(host.names).toEqual(['b']);
    expect(host.find('a')).toBeUndefined();
    expect(calls).toEqual(['b.serve', 'b.stop']);
  });

  it('does not begin when a configuration cannot be used, and says what is wrong', async () => {
    const calls: string[] = [];
    const refusal = new JobsConfigError([{ path: 'b.interval', message: 'is missing' }]);
    const { host } = open([createService('a', calls), createService('b', calls, { init: () => Promise.reject(refusal) })]);
    await expect(host.start()).rejects.toBe(refusal);
    expect(calls).toEqual(['a.init({"index":0})']);
  });

  it('stops those that had begun when one cannot begin', async () => {
    const calls: string[] = [];
    const { host } = open([
      createService('a', calls),
      createService('b', calls, {
        serve: () => {
          throw new Error('no port');
        },
      }),
      createService('c', calls),
    ]);
    await expect(host.start()).rejects.toMatchObject({ code: 'SERVICE_FAILED', service: 'b', message: 'Service "b" failed: no port' });
    expect(calls.filter((call) => /serve|stop/.test(call))).toEqual(['a.serve', 'a.stop', 'b.stop']);
  });

  it('stops none that has not begun', async () => {
    const calls: string[] = [];
    const refusal = new JobsConfigError([{ path: 'b', message: 'is missing' }]);
    const { host, deadline } = open([createService('a', calls), createService('b', calls, { init: () => Promise.reject(refusal) })]);
    await expect(host.start()).rejects.toBe(refusal);
    await host.stop(deadline);
    expect(calls).toEqual(['a.init({"index":0})']);
  });

  it('stops all when one cannot go on, then says so once', async () => {
    const calls: string[] = [];
    const failures: unknown[] = [];
    const services = [createService('a', calls), createService('b', calls)];
    const { host, lines, deadline } = open(services, { onFailure: (error) => failures.push(error) });
    await host.start();
    services[1].fail(new Error('the source is gone'));
    services[0].fail(new Error('me too'));
    await turns();
    expect(failures).toMatchObject([{ code: 'SERVICE_FAILED', service: 'b' }]);
    expect(lines).toEqual(['Service "b" failed: the source is gone']);
    await host.stop(deadline);
    expect(calls.filter((call) => call.endsWith('stop'))).toEqual(['a.stop', 'b.stop']);
  });

  it('stops all though some fail to, and once though it is asked twice', async () => {
    const calls: string[] = [];
    const { host, deadline } = open([createService('a', calls, { stop: () => Promise.reject(new Error('stuck')) }), createService('b', calls)]);
    await host.start();
    const stops = [host.stop(deadline), host.stop(deadline)];
    await expect(stops[0]).rejects.toMatchObject({ message: '1 of 2 services did not stop in order: stuck', errors: [{ message: 'stuck' }] });
    expect(stops[1]).toBe(stops[0]);
    expect(calls.filter((call) => call.endsWith('stop'))).toEqual(['b.stop']);
  });

  it('hands the deadline to each service', async () => {
    const seen: unknown[] = [];
    const { host, deadline } = open([createService('a', [], { stop: (until) => Promise.resolve(void seen.push(until)) })]);
    await host.start();
    await host.stop(deadline);
    expect(seen).toEqual([deadline]);
  });

  it('begins with no service after a stop', async () => {
    const calls: string[] = [];
    let serve = (): void => {};
    const { host, deadline } = open([
      createService('a', calls, { serve: () => new Promise<void>((resolve) => (serve = resolve)) }),
      createService('b', calls),
    ]);
    const started = host.start();
    await turns();
    const stopped = host.stop(deadline);
    serve();
    await Promise.all([started, stopped]);
    expect(calls).not.toContain('b.serve');
  });

  it('is ready when every service that can say so is', async () => {
    const isReady = async (...services: KernelService[]): Promise<boolean> => {
      const { host } = open(services);
      await host.start();
      return host.ready();
    };
    expect(await isReady(createService('a', []), createService('b', [], { ready: () => true }))).toBe(true);
    expect(await isReady(createService('a', [], { ready: () => Promise.resolve(false) }), createService('b', []))).toBe(false);
  });

  it('finds a service by its name, for lists and resets', async () => {
    const states = [workerState('ready')];
    const { host } = open([createService('a', [], { workers: () => states })]);
    await host.start();
    expect(host.find('a')?.workers?.()).toBe(states);
    expect(host.find('b')).toBeUndefined();
  });

  it('refuses two services of one name', () => {
    expect(() => open([createService('a', []), createService('a', [])])).toThrow('Two services have the name "a"');
  });
});
