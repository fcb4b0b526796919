import { defineJob } from 'nestjs-roadrunner';
import type { OrderDto } from './order.dto.js';

export const ORDERS = 'orders';

export const ConfirmOrder = defineJob<OrderDto>('order.confirm', { queue: ORDERS });
export const AskFeedback = defineJob<OrderDto>('order.feedback', { queue: ORDERS });
