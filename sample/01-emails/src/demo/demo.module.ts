import { Module } from '@nestjs/common';
import { MailModule } from '../mail/mail.module.js';
import { Audit } from './audit.js';
import { Demo } from './demo.js';
import { JobProgress } from './job-progress.js';
import { SignupFeed } from './signup-feed.js';

@Module({ imports: [MailModule], providers: [Audit, Demo, JobProgress, SignupFeed] })
export class DemoModule {}
