import { Module } from '@nestjs/common';
import { SignupsController } from './signups.controller.js';
import { SignupsService } from './signups.service.js';

@Module({ controllers: [SignupsController], providers: [SignupsService] })
export class SignupsModule {}
