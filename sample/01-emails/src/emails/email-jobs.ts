import { defineJob } from 'nestjs-roadrunner';

/** Who gets a mail. */
export interface Recipient {
  readonly email: string;
  readonly name: string;
}

/** The queue of all mails. */
export const EMAILS = 'emails';

/** A job as a value: producer and handler share its name, queue and payload type. */
export const WelcomeEmail = defineJob<Recipient>('email.welcome', { queue: EMAILS });

/** A job by its name only, as it would be pushed from another language. */
export const TIPS_EMAIL = 'email.tips';
