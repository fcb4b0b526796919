import { Injectable } from '@nestjs/common';
import { InjectQueue, JobsService, type Queue } from 'nestjs-roadrunner';
import { EMAILS, TIPS_EMAIL, WelcomeEmail, type Recipient } from '../emails/email-jobs.js';

/** A real one would be a day; this one can be watched. */
const TIPS_DELAY = '2s';

/** The ids of the jobs of one signup. */
export interface SignupJobs {
  readonly welcome: string;
  readonly tips: string;
}

@Injectable()
export class SignupsService {
  constructor(
    private readonly jobs: JobsService,
    @InjectQueue(EMAILS) private readonly emails: Queue,
  ) {}

  /** Resolves when both jobs are queued, long before the mails are sent. */
  async signUp({ email, name }: Recipient, source: string): Promise<SignupJobs> {
    const headers = { source };
    const welcome = await this.jobs.push(WelcomeEmail, { email, name }, { headers });
    const tips = await this.emails.push(TIPS_EMAIL, { email, name }, { headers, delay: TIPS_DELAY });
    return { welcome: welcome.id, tips: tips.id };
  }
}
