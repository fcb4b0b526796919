import { Module, type OnModuleInit } from '@nestjs/common';
import { JobsKernel, JobsModule, TickerDispatcher, TickerService } from 'nestjs-roadrunner';
import { Worker } from 'nestjs-roadrunner/worker';
import { FolderDispatcher } from './folder/folder.dispatcher.js';
import { FolderService } from './folder/folder.service.js';
import { Memory } from './memory.js';

@Module({
  imports: [
    JobsModule.forRoot({
      services: [
        { service: TickerService, config: { interval: 1 } },
        { service: FolderService, config: { path: process.env['INBOX'] ?? 'inbox' } },
      ],
      dispatchers: [TickerDispatcher],
    }),
  ],
  providers: [
    Memory,
    FolderDispatcher,
    {
      provide: TickerDispatcher,
      useFactory: ({ finalizer }: JobsKernel) => new TickerDispatcher({ worker: () => Worker.create(), finalizer }),
      inject: [JobsKernel],
    },
  ],
})
export class AppModule implements OnModuleInit {
  constructor(
    private readonly kernel: JobsKernel,
    private readonly memory: Memory,
  ) {}

  onModuleInit(): void {
    this.kernel.addFinalizer(() => this.memory.clear());
  }
}
