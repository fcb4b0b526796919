import { BadRequestException } from '@nestjs/common';
import { UnrecoverableJobError } from 'nestjs-roadrunner';
import { JobsTestingModule } from 'nestjs-roadrunner/testing';
import { AskFeedback, ConfirmOrder, ORDERS } from '../src/orders/order-jobs.js';
import { OrdersModule } from '../src/orders/orders.module.js';
import { Unsubscribed } from '../src/orders/unsubscribed.js';
import { openApp, type TestApp } from './open-app.js';

const ORDER = { id: 'A-1', email: 'ada@example.com', total: 4_200 };

// `runHandler` runs one handler with its pipes, guards, interceptors and filters, and gives what it returns or throws.
describe('OrderMailsHandlers', () => {
  let test: TestApp;

  beforeEach(async () => {
    test = await openApp([JobsTestingModule.forRoot({ mode: 'fake', pipelines: { [ORDERS]: {} } }), OrdersModule]);
  });

  afterEach(() => test.app.close());

  it('sends the confirmation', async () => {
    await expect(test.tester.runHandler(ConfirmOrder, ORDER)).resolves.toBe('Your order A-1');
    expect(test.mailer.sent).toEqual([{ to: 'ada@example.com', subject: 'Your order A-1' }]);
  });

  it('excuses itself when it is not the first attempt', async () => {
    await expect(test.tester.runHandler(ConfirmOrder, ORDER, { attempt: 2 })).resolves.toBe('Your order A-1 (sorry for the delay)');
  });

  it('refuses an order that is none', async () => {
    await expect(test.tester.runHandler(ConfirmOrder, { ...ORDER, email: 'nobody' })).rejects.toBeInstanceOf(BadRequestException);
    expect(test.mailer.sent).toEqual([]);
  });

  it('leaves those alone who want no mails', async () => {
    test.app.get(Unsubscribed).add(ORDER.email);
    await expect(test.tester.runHandler(AskFeedback, ORDER)).rejects.toThrow(UnrecoverableJobError);
    await expect(test.tester.runHandler(ConfirmOrder, ORDER)).resolves.toBe('Your order A-1');
  });

  it('passes on what the mailer throws', async () => {
    test.mailer.isDown = true;
    await expect(test.tester.runHandler(ConfirmOrder, ORDER)).rejects.toThrow('The mail server is down.');
  });
});
