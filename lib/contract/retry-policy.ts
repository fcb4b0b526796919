/** What happens when a job fails. Resolved: every field is set. */
export interface RetryPolicy {
  /** All runs counted. 1 or more. */
  readonly attempts: number;
  /** How long to wait after the run with this number (1 at first). Unit: milliseconds. */
  readonly backoff: (attempt: number) => number;
  readonly onFailure: OnFailure;
}

/** Where a job goes that will not run again. @publicApi */
export type OnFailure = 'store' | 'drop' | 'broker' | `queue:${string}`;

/** How long to wait before the next run. @publicApi */
export interface BackoffOptions {
  /**
   * `fixed`: always `delay`. `exponential`: `delay` × `factor` ^ (run − 1), at most `max`. `list`: the delays one after
   * another, the last one repeated. Default: `exponential`.
   */
  readonly type?: 'fixed' | 'exponential' | 'list';
  /** Unit: seconds, or duration text. Default: `1`. */
  readonly delay?: number | string;
  /** Range: 1 or more. Default: `2`. */
  readonly factor?: number;
  /** Unit: seconds, or duration text. Default: `3600`. */
  readonly max?: number | string;
  /** For `list`. Unit: seconds, or duration texts. */
  readonly delays?: readonly (number | string)[];
  /** `full`: anywhere between 0 and the delay. `equal`: half of it fixed, half random. Default: `full`. */
  readonly jitter?: 'full' | 'equal' | 'none';
}

/** Settings of retry, as users write them: at a handler, under a pipeline, under `retry`. @publicApi */
export interface RetryOptions {
  /** All runs counted. Range: 1 or more. Default: `3`. */
  readonly attempts?: number;
  /** Or a function of the number of the failed run that answers seconds. */
  readonly backoff?: BackoffOptions | ((attempt: number) => number);
  /** Default: `'store'`. */
  readonly onFailure?: OnFailure;
}
