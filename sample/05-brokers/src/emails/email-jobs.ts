import { defineJob } from 'nestjs-roadrunner';

/** Who gets a mail. */
export interface Recipient {
  /** The run of the demonstration: jobs that an interrupted one left in the broker are handled, and not counted. */
  readonly run: string;
  readonly number: number;
  readonly email: string;
}

/** The queue of all mails, as the application calls it. */
export const EMAILS = 'emails';

/** A job as a value: producer and handler share its name, queue and payload type. */
export const WelcomeEmail = defineJob<Recipient>('email.welcome', { queue: EMAILS });
