/** A mail and the job that sends it. */
export interface Mail {
  readonly to: { readonly email: string; readonly name: string };
  readonly subject: string;
  readonly text: string;
  readonly jobId: string;
  /** The name of the job. */
  readonly job: string;
  /** Where the signup came from. */
  readonly source: string;
}
