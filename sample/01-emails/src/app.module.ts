import { Module } from '@nestjs/common';
import { JobsModule } from 'nestjs-roadrunner';
import { DemoModule } from './demo/demo.module.js';
import { EMAILS } from './emails/email-jobs.js';
import { EmailsModule } from './emails/emails.module.js';
import { FailedJobsModule } from './failed-jobs/failed-jobs.module.js';
import { MAX_CONNECTIONS } from './mail/mailer.js';
import { Settings } from './settings/settings.js';
import { SettingsModule } from './settings/settings.module.js';
import { SignupsModule } from './signups/signups.module.js';

@Module({
  imports: [
    JobsModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: ({ driver, dataDir }: Settings) => ({
        dataDir,
        pipelines: {
          [EMAILS]: {
            // "embedded" keeps the jobs in a file, "memory" in this process. The rest of the application is the same with both.
            driver,
            concurrency: MAX_CONNECTIONS,
            attempts: 3,
            // Short, to be watched. The default begins with a second and grows to an hour.
            backoff: { type: 'exponential', delay: '200ms', factor: 2 },
          },
        },
      }),
    }),
    SettingsModule,
    SignupsModule,
    EmailsModule,
    FailedJobsModule,
    DemoModule,
  ],
})
export class AppModule {}
