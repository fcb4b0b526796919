import { Controller, Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { firstValueFrom, take, toArray } from 'rxjs';
import { getJobsToken, JobHandler, JobsModule, OnJobEvent, OnJobFailed } from '../../lib/index.js';
import type { JobEvent, JobsEventMap, JobsEventName, JobsService, NamedJobsEvent } from '../../lib/index.js';
import { Inbox } from '../support/inbox.js';
import { settled } from '../support/kernel.js';
import { AT_ONCE, bootError, closeAll, eventsOf, openApp } from './support/jobs-app.js';

const MEMORY = { driver: 'memory' } as const;

class Handlers {
  @JobHandler('works')
  works(): void {}

  @JobHandler('works.twice', { attempts: 2, backoff: AT_ONCE })
  worksTwice(_payload: unknown, { attempt }: { attempt: number }): void {
    if (attempt === 1) throw new RangeError('Not yet.');
  }

  @JobHandler('fails', { attempts: 1 })
  fails(): void {
    throw new RangeError('Never.');
  }
}

describe('listeners of job events', () => {
  afterEach(closeAll);

  it('hear the whole life of a job, with its id, name, queue, headers and attempt', async () => {
    const inbox = new Inbox<[string, Partial<JobsEventMap['retrying']>]>();
    class Listeners {
      @OnJobEvent('pushed')
      pushed(event: JobEvent): void {
        inbox.put(['pushed', event]);
      }

      @OnJobEvent('active')
      active(event: JobEvent): void {
        inbox.put(['active', event]);
      }

      @OnJobEvent('retrying')
      retrying(event: JobsEventMap['retrying']): void {
        inbox.put(['retrying', event]);
      }

      @OnJobEvent('completed')
      completed(event: JobsEventMap['completed']): void {
        inbox.put(['completed', event]);
      }
    }
    const { jobs } = await openApp({ providers: [Handlers, Listeners] });
    const { id } = await jobs.queue('q').push('works.twice', null, { headers: { 'x-tenant': 'acme' } });
    const events = await inbox.take(5);
    expect(events.map(([name, event]) => `${name} ${event.attempt}`).toSorted()).toEqual([
      'active 1',
      'active 2',
      'completed 2',
      'pushed 0',
      'retrying 1',
    ]);
    for (const [, event] of events) expect(event).toMatchObject({ id, name: 'works.twice', queue: 'q', headers: { 'x-tenant': ['acme'] } });
    const [, retrying] = events.find(([name]) => name === 'retrying')!;
    expect(retrying).toMatchObject({ delayMs: 0, error: { type: 'RangeError', message: 'Not yet.' } });
  });

  it('hear of failed jobs by a decorator of its own', async () => {
    const inbox = new Inbox<JobsEventMap['failed']>();
    class Listeners {
      @OnJobFailed()
      failed(event: JobsEventMap['failed']): void {
        inbox.put(event);
      }
    }
    const { jobs } = await openApp({ providers: [Handlers, Listeners] });
    const { id } = await jobs.queue('q').push('fails', null);
    expect(await inbox.next()).toMatchObject({ id, attempt: 1, target: 'store', error: { type: 'RangeError', message: 'Never.' } });
  });

  it('end one by one, also where the same function listens twice', async () => {
    const { jobs } = await openApp({ providers: [Handlers] });
    const heard: string[] = [];
    const listener = ({ name }: JobEvent): void => void heard.push(name);
    const [end] = [jobs.on('pushed', listener), jobs.on('pushed', listener)];
    end();
    end();
    await jobs.queue('q').push('works', null);
    expect(heard).toEqual(['works']);
  });

  it('hear only of the queue and the name they ask for', async () => {
    const inbox = new Inbox<string>();
    const listen = (which: string, { queue, name }: JobEvent): void => inbox.put(`${which}: ${queue}/${name}`);
    class Listeners {
      @OnJobEvent('completed', { queue: 'a' })
      ofQueue(event: JobEvent): void {
        listen('queue a', event);
      }

      @OnJobEvent('completed', { name: 'works' })
      ofName(event: JobEvent): void {
        listen('name works', event);
      }

      @OnJobEvent('completed', { queue: 'a', name: 'works' })
      ofBoth(event: JobEvent): void {
        listen('both', event);
      }
    }
    const { jobs } = await openApp({ providers: [Handlers, Listeners], jobs: { pipelines: { a: MEMORY, b: MEMORY }, retry: { backoff: AT_ONCE } } });
    const completed = eventsOf(jobs, 'completed');
    for (const push of ['a/works', 'b/works', 'a/works.twice', 'b/works.twice']) {
      const [queue, name] = push.split('/') as [string, string];
      await jobs.queue(queue).push(name, null);
      await completed.next();
    }
    expect(inbox.all()).toEqual(['queue a: a/works', 'name works: a/works', 'both: a/works', 'name works: b/works', 'queue a: a/works.twice']);
  });

  it('may stand in a controller, and several times at one method', async () => {
    const inbox = new Inbox<string>();
    @Controller()
    class Listeners {
      @OnJobEvent('completed')
      @OnJobEvent('failed')
      ended({ name }: JobEvent): void {
        inbox.put(name);
      }
    }
    const { jobs } = await openApp({ providers: [Handlers], controllers: [Listeners] });
    await jobs.queue('q').push('works', null);
    await jobs.queue('q').push('fails', null);
    expect((await inbox.take(2)).toSorted()).toEqual(['fails', 'works']);
  });

  it('are made anew for each event when they are request-scoped, with the event as REQUEST', async () => {
    const inbox = new Inbox<unknown>();
    let made = 0;
    @Injectable({ scope: Scope.REQUEST })
    class Listeners {
      readonly #number = ++made;

      constructor(@Inject(REQUEST) private readonly request: JobEvent) {}

      @OnJobEvent('completed')
      completed(event: JobEvent): void {
        inbox.put([this.#number, this.request === event]);
      }
    }
    const { jobs } = await openApp({ providers: [Handlers, Listeners] });
    await jobs.queue('q').push('works', null);
    expect(await inbox.next()).toEqual([1, true]);
    await jobs.queue('q').push('works', null);
    expect(await inbox.next()).toEqual([2, true]);
  });

  it('that throw or reject are logged, and disturb neither the job nor other listeners', async () => {
    const inbox = new Inbox<string>();
    class Listeners {
      @OnJobEvent('completed')
      throws(): void {
        throw new Error('The mirror is broken.');
      }

      @OnJobEvent('completed')
      async rejects(): Promise<void> {
        await settled();
        throw new Error('The post is closed.');
      }

      @OnJobEvent('completed')
      completed({ name }: JobEvent): void {
        inbox.put(name);
      }
    }
    const { jobs, log } = await openApp({ providers: [Handlers, Listeners] });
    for (let push = 0; push < 2; push++) await jobs.queue('q').push('works', null);
    expect(await inbox.take(2)).toEqual(['works', 'works']);
    await settled();
    await settled();
    const lines = [
      'Listeners.throws() failed at the event "completed": The mirror is broken.',
      'Listeners.rejects() failed at the event "completed": The post is closed.',
    ];
    expect(log.ours('error').toSorted()).toEqual([...lines, ...lines].toSorted());
    expect(await jobs.admin.counters()).toMatchObject({ completed: 2, failedRuns: 0, lateErrors: 0 });
  });

  it('hear of the kernel they name', async () => {
    const inbox = new Inbox<string>();
    class Listeners {
      @OnJobEvent('pushed')
      main({ name }: JobEvent): void {
        inbox.put(`main: ${name}`);
      }

      @OnJobEvent('pushed', { kernel: 'audit' })
      audit({ name }: JobEvent): void {
        inbox.put(`audit: ${name}`);
      }
    }
    const imports = [JobsModule.forRoot({ name: 'audit', pipelines: { q: MEMORY }, autoStart: false })];
    const { app, jobs } = await openApp({ imports, providers: [Listeners], jobs: { pipelines: { q: MEMORY }, autoStart: false } });
    await app.get<JobsService>(getJobsToken('audit')).queue('q').push('one', null);
    await jobs.queue('q').push('two', null);
    expect(await inbox.take(2)).toEqual(['audit: one', 'main: two']);
  });

  it('hear of queues that are paused and resumed', async () => {
    const inbox = new Inbox<unknown>();
    class Listeners {
      @OnJobEvent('paused', { queue: 'a' })
      paused(event: JobsEventMap['paused']): void {
        inbox.put(['paused', event]);
      }

      @OnJobEvent('resumed', { queue: 'a' })
      resumed(event: JobsEventMap['resumed']): void {
        inbox.put(['resumed', event]);
      }
    }
    const { jobs } = await openApp({ providers: [Listeners], jobs: { pipelines: { a: MEMORY, b: MEMORY } } });
    await jobs.pause('b', 'a');
    await jobs.resume('b', 'a');
    expect(inbox.all()).toEqual([
      ['paused', { queue: 'a' }],
      ['resumed', { queue: 'a' }],
    ]);
  });

  it('of an event that does not exist are an error of the boot', async () => {
    class Listeners {
      @OnJobEvent('complete' as JobsEventName)
      completed(): void {}
    }
    expect((await bootError({ providers: [Listeners] })).message).toBe(
      'Wrong configuration of jobs.\n  - Listeners.completed(): There is no event "complete". Did you mean "completed"?',
    );
  });
});

describe('the events of JobsService', () => {
  afterEach(closeAll);

  it('come as a stream with the name of each', async () => {
    const { jobs } = await openApp({ providers: [Handlers] });
    const events = firstValueFrom(jobs.events$.pipe(take(4), toArray()));
    const { id } = await jobs.queue('q').push('works', null);
    const seen: readonly NamedJobsEvent[] = await events;
    expect(seen.map(({ type }) => type).toSorted()).toEqual(['active', 'completed', 'drained', 'pushed']);
    expect(seen.find(({ type }) => type === 'completed')).toMatchObject({ type: 'completed', id, name: 'works', queue: 'q', attempt: 1 });
  });

  it('end with the subscription, and cost nothing then', async () => {
    const { jobs, kernel } = await openApp({ providers: [Handlers] });
    const inbox = new Inbox<NamedJobsEvent>();
    const listened = () => Object.entries(kernel.events.events).flatMap(([name, listener]) => (listener === undefined ? [] : [name]));
    const before = listened();
    const subscription = jobs.events$.subscribe((event) => inbox.put(event));
    expect(listened()).toContain('completed');
    subscription.unsubscribe();
    // The module itself listens to errors.
    expect(listened()).toEqual(before);
    expect(before).toEqual(['error']);
    const completed = eventsOf(jobs, 'completed');
    await jobs.queue('q').push('works', null);
    await completed.next();
    expect(inbox.length).toBe(0);
  });

  it('survive listeners that throw or reject, and log why', async () => {
    const { jobs, log } = await openApp({ providers: [Handlers] });
    jobs.on('completed', () => {
      throw new Error('The mirror is broken.');
    });
    jobs.on('completed', (() => Promise.reject(new Error('The post is closed.'))) as () => void);
    const errors = eventsOf(jobs, 'error');
    await jobs.queue('q').push('works', null);
    expect((await errors.take(2)).map(({ error }) => error.message)).toEqual(['The mirror is broken.', 'The post is closed.']);
    expect(log.ours('error')).toEqual(['A listener of an event failed: The mirror is broken.', 'A listener of an event failed: The post is closed.']);
  });

  it('call back until the listener is ended', async () => {
    const { jobs } = await openApp({ providers: [Handlers] });
    const heard: string[] = [];
    const end = jobs.on('completed', ({ id }) => heard.push(id));
    const completed = eventsOf(jobs, 'completed');
    const { id } = await jobs.queue('q').push('works', null);
    await completed.next();
    end();
    await jobs.queue('q').push('works', null);
    await completed.next();
    expect(heard).toEqual([id]);
  });
});
