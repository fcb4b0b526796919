import { Module } from '@nestjs/common';
import { JobsModule } from 'nestjs-roadrunner';
import { EMAILS } from '../emails/email-jobs.js';
import { SignupsController } from './signups.controller.js';
import { SignupsService } from './signups.service.js';

@Module({ imports: [JobsModule.forFeature([EMAILS])], controllers: [SignupsController], providers: [SignupsService] })
export class SignupsModule {}
