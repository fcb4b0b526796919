import { Module } from '@nestjs/common';
import { MailServer } from './mail-server.js';
import { MailServerController } from './mail-server.controller.js';
import { Mailer } from './mailer.js';
import { Outbox } from './outbox.js';
import { Refusals } from './refusals.js';

@Module({
  controllers: [MailServerController],
  providers: [Outbox, Refusals, MailServer, Mailer],
  exports: [Mailer, Outbox, Refusals],
})
export class MailModule {}
