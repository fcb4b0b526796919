import { Injectable } from '@nestjs/common';
import { JobsService } from 'nestjs-roadrunner';
import { AskFeedback, ConfirmOrder } from './order-jobs.js';
import type { OrderDto } from './order.dto.js';

const FEEDBACK_DELAY = '3d';

@Injectable()
export class OrdersService {
  constructor(private readonly jobs: JobsService) {}

  /** Confirms at once, and asks for feedback later, unless the order was a present. */
  async place(order: OrderDto): Promise<void> {
    await this.jobs.push(ConfirmOrder, order, { headers: { shop: 'main' } });
    if (order.total > 0) await this.jobs.push(AskFeedback, order, { delay: FEEDBACK_DELAY });
  }
}
