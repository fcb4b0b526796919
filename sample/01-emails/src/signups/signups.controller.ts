import { Body, Controller, Headers, HttpCode, Post, ValidationPipe } from '@nestjs/common';
import { SignupDto } from './signup.dto.js';
import { SignupsService, type SignupJobs } from './signups.service.js';

@Controller('signup')
export class SignupsController {
  constructor(private readonly signups: SignupsService) {}

  @Post()
  @HttpCode(202)
  async signUp(
    @Body(new ValidationPipe({ whitelist: true })) signup: SignupDto,
    @Headers('x-source') source = 'web',
  ): Promise<{ readonly jobs: SignupJobs }> {
    return { jobs: await this.signups.signUp(signup, source) };
  }
}
