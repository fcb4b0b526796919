import { Module } from '@nestjs/common';
import { Mailer } from './mailer.js';
import { OrderMailsHandlers } from './order-mails.handlers.js';
import { OrdersService } from './orders.service.js';
import { Unsubscribed } from './unsubscribed.js';

@Module({ providers: [Mailer, OrderMailsHandlers, OrdersService, Unsubscribed], exports: [OrdersService, Unsubscribed] })
export class OrdersModule {}
