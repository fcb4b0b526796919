import { type DynamicModule, Module } from '@nestjs/common';
import { JobsModule } from 'nestjs-roadrunner';
import { Outbox } from './emails/outbox.js';
import { WelcomeEmailHandler } from './emails/welcome-email.handler.js';
import { queueOptions } from './queue.js';
import type { Settings } from './settings.js';

@Module({})
export class AppModule {
  /** @param role - A producer only pushes: it binds no handler and consumes nothing. */
  static create(settings: Settings, role: 'kernel' | 'producer'): DynamicModule {
    return {
      module: AppModule,
      imports: [JobsModule.forRoot({ role, dataDir: settings.dataDir, ...queueOptions(settings) })],
      providers: [{ provide: Outbox, useValue: new Outbox(settings) }, WelcomeEmailHandler],
    };
  }
}
