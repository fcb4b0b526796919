import { Module } from '@nestjs/common';
import { MailModule } from '../mail/mail.module.js';
import { Audit } from './audit.js';
import { Demo } from './demo.js';
import { JobProgress } from './job-progress.js';
import { LastRun } from './last-run.js';
import { SignupFeed } from './signup-feed.js';
import { TakenSignups } from './taken-signups.js';

@Module({ imports: [MailModule], providers: [Audit, Demo, JobProgress, LastRun, SignupFeed, TakenSignups] })
export class DemoModule {}
