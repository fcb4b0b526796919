import { JobsTestingModule } from 'nestjs-roadrunner/testing';
import { AppModule } from '../src/app.module.js';
import { OrdersService } from '../src/orders/orders.service.js';
import { openApp, type TestApp } from './open-app.js';

const ORDER = { id: 'A-1', email: 'ada@example.com', total: 4_200 };

// Mode "inline": a job runs within its push. For tests of what comes out in the end, whoever does the work.
describe('an order, seen from outside', () => {
  let test: TestApp;

  beforeEach(async () => {
    test = await openApp([JobsTestingModule.forRoot({ mode: 'inline' }), AppModule]);
  });

  afterEach(() => test.app.close());

  it('is confirmed when it has been placed', async () => {
    await test.app.get(OrdersService).place(ORDER);
    expect(test.mailer.sent).toEqual([{ to: 'ada@example.com', subject: 'Your order A-1' }]);
  });

  it('is placed although the mail server is down, and confirmed when it is back', async () => {
    test.mailer.isDown = true;
    await test.app.get(OrdersService).place(ORDER);
    expect(test.mailer.sent).toEqual([]);
    test.mailer.isDown = false;
    await test.tester.advance('1s');
    expect(test.mailer.sent).toEqual([{ to: 'ada@example.com', subject: 'Your order A-1 (sorry for the delay)' }]);
  });

  it('is followed by a question as soon as three days have passed', async () => {
    await test.app.get(OrdersService).place(ORDER);
    await test.tester.advance('3d');
    expect(test.mailer.sent).toHaveLength(2);
  });
});
