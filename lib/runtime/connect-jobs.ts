import { Jobs } from '../client/jobs.js';
import { systemClock, type Clock } from '../contract/clock.js';
import { durationMs } from '../contract/duration.js';
import { JobsArgumentError } from '../contract/errors.js';
import type { JobsApi } from '../contract/jobs-api.js';
import type { KernelAdmin } from '../contract/kernel-admin.js';
import { silentLogger, type JobsLogger } from '../contract/logger.js';
import type { RpcTargetSettings, RpcTlsSettings } from '../contract/settings.js';
import { shown } from '../contract/shown.js';
import { RemoteJobsApi } from '../relay/remote-jobs-api.js';
import { RemoteKernelAdmin } from '../relay/remote-kernel-admin.js';
import { RpcClient } from '../relay/rpc-client.js';
import { AwaitedJobsApi } from './awaited-jobs-api.js';

/** Options of {@link connectJobs}. @publicApi */
export interface ConnectJobsOptions {
  /** The token of a kernel of this library; RoadRunner has none. */
  readonly token?: string;
  /** TLS; `true` trusts the certificate authorities of the machine. Default: plain bytes. */
  readonly tls?: true | RpcTlsSettings;
  /** How long a call may take, its connect included. Unit: seconds, or duration text. Range: more than 0. Default: `60`. */
  readonly timeout?: number | string;
  /**
   * Tries to connect before the calls that wait are rejected. The waits between them grow from half a second.
   *
   * Range: 1 or more. Default: `4`, about three seconds.
   */
  readonly connectAttempts?: number;
}

/** What the process of a connection lends to it. */
export interface ConnectJobsParts {
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: JobsLogger;
}

const DEFAULT_TIMEOUT_S = 60;
const DEFAULT_CONNECT_ATTEMPTS = 4;
/** Pushes that have no answer hold a close for so long. */
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * A connection to a kernel elsewhere, RoadRunner or one of this library. It opens at the first call and comes back by itself; while it is
 * idle it does not keep the process alive.
 *
 * @publicApi
 */
export class JobsConnection {
  readonly address: string;
  /** Queues to push to, and the pipelines behind them. */
  readonly jobs: Jobs;
  /** What `jobs` talks to. */
  readonly api: JobsApi;
  /** Failed and running jobs, counters: of a kernel of this library. RoadRunner knows its workers only. */
  readonly admin: KernelAdmin;
  /** Calls of any method. */
  readonly rpc: RpcClient;
  readonly #awaited: AwaitedJobsApi;

  constructor(rpc: RpcClient, address: string, clock: Clock) {
    this.address = address;
    this.rpc = rpc;
    this.api = this.#awaited = new AwaitedJobsApi(new RemoteJobsApi(rpc), clock);
    this.jobs = new Jobs(this.api);
    this.admin = new RemoteKernelAdmin(rpc);
  }

  /** Ends it when the pushes under way have their answers, at the latest after 5 s. May be called again. */
  async close(): Promise<void> {
    await this.#awaited.answered(CLOSE_TIMEOUT_MS);
    await this.rpc.close();
  }
}

/**
 * Connects to a kernel elsewhere, RoadRunner or one of this library.
 *
 * @param address - `tcp://host:port` or `unix://path`: the other side's `rpc.listen`.
 * @throws RelayError when the address is none.
 * @throws JobsArgumentError when an option is out of its range.
 * @example
 * const connection = connectJobs('tcp://127.0.0.1:6001');
 * await connection.jobs.queue('emails').push('email.send', { to: 'ada@example.com' });
 * await connection.close();
 *
 * @publicApi
 */
export function connectJobs(address: string, options: ConnectJobsOptions = {}): JobsConnection {
  const { token, tls, timeout = DEFAULT_TIMEOUT_S, connectAttempts = DEFAULT_CONNECT_ATTEMPTS } = options;
  const timeoutMs = durationMs(timeout, 'timeout');
  if (timeoutMs === 0) throw new JobsArgumentError(`timeout is ${shown(timeout)}. Give more than 0 seconds.`);
  if (!Number.isInteger(connectAttempts) || connectAttempts < 1) {
    throw new JobsArgumentError(`connectAttempts is ${shown(connectAttempts)}. Give a whole number, 1 or more.`);
  }
  const target = {
    connect: address,
    timeoutMs,
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls: tls === true ? {} : tls }),
  };
  return connectTo(target, {}, connectAttempts);
}

/** The same with settings that were checked. */
export function connectTo(target: RpcTargetSettings, parts: ConnectJobsParts, connectAttempts = DEFAULT_CONNECT_ATTEMPTS): JobsConnection {
  const { connect, timeoutMs, token, tls } = target;
  const { clock = systemClock, logger = silentLogger } = parts;
  const rpc = RpcClient.connect(connect, {
    timeoutMs,
    connectAttempts,
    clock,
    logger,
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls }),
  });
  return new JobsConnection(rpc, connect, clock);
}
