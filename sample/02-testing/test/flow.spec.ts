import { JobsService } from 'nestjs-roadrunner';
import { JobsTestingModule, VirtualClock } from 'nestjs-roadrunner/testing';
import { AppModule } from '../src/app.module.js';
import { OrdersService } from '../src/orders/orders.service.js';
import { Unsubscribed } from '../src/orders/unsubscribed.js';
import { openApp, type TestApp } from './open-app.js';

const ORDER = { id: 'A-1', email: 'ada@example.com', total: 4_200 };
const NOON = new Date('2026-03-28T12:00:00Z');

// Mode "manual": pushed jobs wait for `drain()`. AppModule imports JobsModule itself; the kit takes its kernel over.
describe('an order', () => {
  let test: TestApp;
  let jobs: JobsService;

  beforeEach(async () => {
    test = await openApp([JobsTestingModule.forRoot({ mode: 'manual', clock: new VirtualClock({ start: NOON }) }), AppModule]);
    jobs = test.app.get(JobsService);
  });

  afterEach(() => test.app.close());

  const subjects = (): string[] => test.mailer.sent.map(({ subject }) => subject);

  it('is confirmed when its job runs, not before', async () => {
    await test.app.get(OrdersService).place(ORDER);
    expect(subjects()).toEqual([]);
    await test.tester.drain();
    expect(subjects()).toEqual(['Your order A-1']);
  });

  it('is followed by a question after three days', async () => {
    await test.app.get(OrdersService).place(ORDER);
    await test.tester.drain();
    await test.tester.advance('2d23h59m');
    expect(await test.tester.drain()).toBe(0);
    await test.tester.advance('1m');
    expect(await test.tester.drain()).toBe(1);
    expect(subjects()).toEqual(['Your order A-1', 'How do you like what you got with order A-1?']);
  });

  it('runs to its end in one call, when the test does not care about time', async () => {
    await test.app.get(OrdersService).place(ORDER);
    expect(await test.tester.drain({ with: ['scheduled', 'retries'] })).toBe(2);
    expect(new Date(test.tester.clock.now())).toEqual(new Date('2026-03-31T12:00:00Z'));
  });

  it('is confirmed by the second attempt when the first one fails', async () => {
    await test.app.get(OrdersService).place(ORDER);
    test.mailer.isDown = true;
    await test.tester.drain();
    test.mailer.isDown = false;
    await test.tester.drain({ with: ['retries'] });
    expect(subjects()).toEqual(['Your order A-1 (sorry for the delay)']);
  });

  it('ends in the failed store after three attempts, and can be replayed', async () => {
    await test.app.get(OrdersService).place(ORDER);
    test.mailer.isDown = true;
    expect(await test.tester.drain({ with: ['retries'] })).toBe(3);
    expect((await jobs.admin.failed.list()).jobs).toMatchObject([
      { name: 'order.confirm', attempts: 3, error: { message: 'The mail server is down.' } },
    ]);
    test.mailer.isDown = false;
    await jobs.admin.failed.replay({});
    await test.tester.drain();
    expect(subjects()).toEqual(['Your order A-1']);
  });

  it('asks no second time those who want no mails', async () => {
    test.app.get(Unsubscribed).add(ORDER.email);
    await test.app.get(OrdersService).place(ORDER);
    expect(await test.tester.drain({ with: ['scheduled', 'retries'] })).toBe(2);
    expect((await jobs.admin.failed.list()).jobs).toMatchObject([{ name: 'order.feedback', attempts: 1, reason: 'rejected' }]);
  });
});
