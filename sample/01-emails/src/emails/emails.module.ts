import { Module } from '@nestjs/common';
import { MailModule } from '../mail/mail.module.js';
import { TipsEmailHandler } from './tips-email.handler.js';
import { WelcomeEmailHandler } from './welcome-email.handler.js';

@Module({ imports: [MailModule], providers: [WelcomeEmailHandler, TipsEmailHandler] })
export class EmailsModule {}
