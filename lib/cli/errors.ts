/** The command line itself is wrong: nothing was done. */
export class CliUsageError extends Error {
  /** @param command - Whose help tells more. */
  constructor(
    message: string,
    readonly command?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
