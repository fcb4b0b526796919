import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { OrdersService } from './orders/orders.service.js';

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
await app.get(OrdersService).place({ id: 'A-1', email: 'ada@example.com', total: 4_200 });
