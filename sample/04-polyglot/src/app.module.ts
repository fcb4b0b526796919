import { Module } from '@nestjs/common';
import { JobsModule } from 'nestjs-roadrunner';
import { InvoiceHandler } from './invoice.handler.js';

const { RPC = 'tcp://127.0.0.1:6001' } = process.env;

@Module({
  imports: [JobsModule.forRoot({ pipelines: { invoices: { driver: 'memory', concurrency: 2 } }, rpc: { listen: RPC } })],
  providers: [InvoiceHandler],
})
export class AppModule {}
