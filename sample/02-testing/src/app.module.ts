import { Module } from '@nestjs/common';
import { JobsModule } from 'nestjs-roadrunner';
import { ORDERS } from './orders/order-jobs.js';
import { OrdersModule } from './orders/orders.module.js';

@Module({
  imports: [JobsModule.forRoot({ pipelines: { [ORDERS]: { driver: 'memory', attempts: 3 } } }), OrdersModule],
})
export class AppModule {}
