/** What a spawned process is to do, by the text in `RR_MODE`. Services have modes of their own: their name. @publicApi */
export const RoadRunnerMode = {
  Http: 'http',
  Temporal: 'temporal',
  Jobs: 'jobs',
  Grpc: 'grpc',
  Tcp: 'tcp',
  Centrifuge: 'centrifuge',
} as const;
/** @publicApi */
export type RoadRunnerMode = (typeof RoadRunnerMode)[keyof typeof RoadRunnerMode];

/** Variables of a process by their names. */
export type EnvironmentValues = Readonly<Record<string, string | undefined>>;

const DEFAULT_RELAY = 'pipes';
const DEFAULT_RPC = 'tcp://127.0.0.1:6001';

/**
 * What a kernel tells its workers. Read at each call: nothing is copied.
 *
 * @publicApi
 */
export class WorkerEnvironment {
  readonly #values: EnvironmentValues;

  constructor(values: EnvironmentValues) {
    this.#values = values;
  }

  /** @param values - Default: the variables of this process. */
  static fromProcess(values: EnvironmentValues = process.env): WorkerEnvironment {
    return new WorkerEnvironment(values);
  }

  /** `RR_MODE`: a {@link RoadRunnerMode} or the name of a service; empty when no kernel spawned this process. */
  get mode(): string {
    return this.#values['RR_MODE'] ?? '';
  }

  /** `RR_RELAY`: `pipes`, `tcp://host:port` or `unix://path`. Default: `pipes`. */
  get relayAddress(): string {
    return this.#values['RR_RELAY'] || DEFAULT_RELAY;
  }

  /** `RR_RPC`: where the kernel takes calls. Default: `tcp://127.0.0.1:6001`. */
  get rpcAddress(): string {
    return this.#values['RR_RPC'] || DEFAULT_RPC;
  }

  /** `RR_VERSION`: of the kernel; empty when it does not say. */
  get version(): string {
    return this.#values['RR_VERSION'] ?? '';
  }

  /**
   * `NRR_WINDOW`: jobs that a kernel of this library offers to have in flight to one worker. `undefined` under any other kernel:
   * this is how the two are told apart.
   */
  get window(): number | undefined {
    const window = Number(this.#values['NRR_WINDOW'] || Number.NaN);
    return Number.isInteger(window) && window >= 1 ? window : undefined;
  }

  /**
   * `NRR_RELAY_FD`: an open descriptor for frames of both directions, beside standard input and output. Only a kernel of this library
   * gives one; it leaves standard output free.
   */
  get relayDescriptor(): number | undefined {
    const descriptor = Number(this.#values['NRR_RELAY_FD'] || Number.NaN);
    return Number.isInteger(descriptor) && descriptor > 2 ? descriptor : undefined;
  }

  /**
   * `NRR_RPC`: where a kernel of this library is called by its own workers, and by nobody else. `undefined` under any other kernel.
   */
  get kernelAddress(): string | undefined {
    return this.#values['NRR_RPC'] || undefined;
  }

  /** `NRR_RPC_TOKEN`: the token of {@link kernelAddress}, where it needs one. */
  get kernelToken(): string | undefined {
    return this.#values['NRR_RPC_TOKEN'] || undefined;
  }
}
