import { JobsTestingModule } from 'nestjs-roadrunner/testing';
import { AskFeedback, ConfirmOrder, ORDERS } from '../src/orders/order-jobs.js';
import { OrdersModule } from '../src/orders/orders.module.js';
import { OrdersService } from '../src/orders/orders.service.js';
import { openApp, type TestApp } from './open-app.js';

// Mode "fake": what is pushed is written down, and nothing runs. JobsTestingModule takes the place of JobsModule.
describe('OrdersService', () => {
  let test: TestApp;

  beforeEach(async () => {
    test = await openApp([JobsTestingModule.forRoot({ mode: 'fake', pipelines: { [ORDERS]: {} } }), OrdersModule]);
  });

  afterEach(() => test.app.close());

  it('confirms an order', async () => {
    await test.app.get(OrdersService).place({ id: 'A-1', email: 'ada@example.com', total: 4_200 });
    const job = test.tester.expectPushed(ConfirmOrder, { id: 'A-1', email: expect.stringContaining('@') });
    expect(job.headers).toEqual({ shop: ['main'] });
  });

  it('asks for feedback three days later', async () => {
    await test.app.get(OrdersService).place({ id: 'A-1', email: 'ada@example.com', total: 4_200 });
    expect(test.tester.expectPushed(AskFeedback, ({ id }) => id === 'A-1', { delay: '3d', times: 1 }).queue).toBe(ORDERS);
  });

  it('asks for no feedback on a present', async () => {
    await test.app.get(OrdersService).place({ id: 'A-2', email: 'ada@example.com', total: 0 });
    test.tester.expectNotPushed(AskFeedback);
    expect(test.tester.pushed().map(({ name }) => name)).toEqual(['order.confirm']);
  });

  it('runs nothing', async () => {
    await test.app.get(OrdersService).place({ id: 'A-1', email: 'ada@example.com', total: 4_200 });
    await test.tester.advance('30d');
    expect(test.mailer.sent).toEqual([]);
  });
});
