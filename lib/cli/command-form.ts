/** An option of a command, as `--name`. */
export interface CliOption {
  /** What stands for its value in the help; absent for one that is given or not. */
  readonly value?: string;
  readonly short?: string;
  /** May be given several times. */
  readonly isList?: boolean;
  /** What it is when it is not given. */
  readonly fallback?: string;
  readonly meaning: string;
}

export type CliOptions = Readonly<Record<string, CliOption>>;

/** How a command is written. */
export interface CommandForm {
  readonly name: string;
  /** What stands behind the name: `<queue> <name> [payload]`; `[id…]` may repeat. */
  readonly takes: string;
  readonly options: CliOptions;
}
