import { setTimeout } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { JobHandler, JobHeader, JobPayload } from 'nestjs-roadrunner';

/** What the programs of all languages agree on: the payload is JSON. */
interface Order {
  readonly order: string;
  readonly total: number;
}

/** Long enough to be seen in the statistics. */
const WORK_MS = 300;

@Injectable()
export class InvoiceHandler {
  readonly #logger = new Logger('Invoices');

  @JobHandler('invoice.make', { queue: 'invoices' })
  async make(@JobPayload() { order, total }: Order, @JobHeader('shop') shop: string): Promise<void> {
    await setTimeout(WORK_MS);
    this.#logger.log(`Invoice for order ${order} of the ${shop} shop: ${total.toFixed(2)} EUR`);
  }
}
