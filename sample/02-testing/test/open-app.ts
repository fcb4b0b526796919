import type { INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { JobsTester } from 'nestjs-roadrunner/testing';
import { Mailer } from '../src/orders/mailer.js';

/** A mailer that remembers, and that can be out of order. */
export class TestMailer {
  readonly sent: { readonly to: string; readonly subject: string }[] = [];
  isDown = false;

  async send(to: string, subject: string): Promise<void> {
    if (this.isDown) throw new Error('The mail server is down.');
    this.sent.push({ to, subject });
  }
}

export interface TestApp {
  readonly app: INestApplicationContext;
  readonly tester: JobsTester;
  readonly mailer: TestMailer;
}

/** Failing jobs are logged as errors; here they fail on purpose. */
const SILENT = { log: () => {}, warn: () => {}, error: () => {} };

/** `init()` binds the handlers: without it nothing runs. */
export async function openApp(imports: ModuleMetadata['imports']): Promise<TestApp> {
  const mailer = new TestMailer();
  const module = await Test.createTestingModule({ imports }).overrideProvider(Mailer).useValue(mailer).setLogger(SILENT).compile();
  const app = await module.init();
  return { app, tester: app.get(JobsTester), mailer };
}
