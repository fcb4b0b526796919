import type { Clock } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import type { ServerSettings } from '../contract/settings.js';
import { WorkerStartError } from '../contract/worker-errors.js';
import { RELAY_FD_VARIABLE, WINDOW_VARIABLE } from '../wire/worker-message.js';
import { workerEnvironment, type EnvMode } from './environment.js';
import { FrameChannel } from './frame-channel.js';
import { shakeHands } from './handshake.js';
import { OrphanGuard } from './orphan-guard.js';
import { describeExit, RELAY_DESCRIPTOR, WorkerChild } from './worker-child.js';
import { WorkerListener, type Connected } from './worker-listener.js';
import { findUser } from './worker-user.js';
import { Worker, type WorkerOwner } from './worker.js';

/** What all pools of one kernel share. */
export interface WorkerHostOptions {
  readonly server: ServerSettings;
  /** `RR_VERSION` of the workers. */
  readonly version: string;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  /** `RR_RPC` of the workers; absent: they are not told any. */
  readonly rpc?: string;
  /** More variables of all workers, over all others; read whenever one is started. */
  readonly variables?: () => Readonly<Record<string, string>>;
  /** Default: `inherit`. */
  readonly envMode?: EnvMode;
  /** Default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The folder the workers run in. Default: that of this process. */
  readonly cwd?: string;
  /** Frames go over a pipe of their own, so that standard output stays free. For workers of this library only. Default: `false`. */
  readonly hasOwnPipe?: boolean;
  /** Payloads that one worker of this library may have at once. Default: 64. */
  readonly maxWindow?: number;
  /** Default: 64 MiB. */
  readonly maxPayloadBytes?: number;
  /** Between the cancel of a payload and the kill of a worker that does not answer it. Unit: milliseconds. Default: 1000. */
  readonly graceMs?: number;
}

/** One worker to be started. */
export interface WorkerSpec {
  /** Absent: that of the server. */
  readonly command?: readonly string[];
  readonly mode: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxExecutions: number;
  readonly owner: WorkerOwner;
}

/** A worker on its way. */
export interface StartingWorker {
  /** Rejects with {@link WorkerStartError}. */
  readonly ready: Promise<Worker>;
  /** Kills it; `ready` rejects. Resolves when it is dead. */
  cancel(): Promise<void>;
}

/** Measured: with two workers on two cores 32 leave them idle between two batches. */
const DEFAULT_MAX_WINDOW = 64;
const DEFAULT_MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
const DEFAULT_GRACE_MS = 1_000;
const ON_INIT_MODE = 'on_init';

/** Starts worker processes. It owns what they share: the listener of their relay and the guard against orphans. */
export class WorkerHost {
  readonly #options: WorkerHostOptions;
  readonly #guard: OrphanGuard;
  readonly #user: { readonly uid: number; readonly gid: number } | undefined;
  #listener: Promise<WorkerListener> | undefined;
  #isClosed = false;

  /** @throws {@link WorkerStartError} when `server.user` is not a user of this machine. */
  constructor(options: WorkerHostOptions) {
    this.#options = options;
    this.#guard = new OrphanGuard(options.logger);
    this.#user = userOf(options.server.user, options.server.command);
  }

  get guardPid(): number | undefined {
    return this.#guard.pid;
  }

  start(spec: WorkerSpec): StartingWorker {
    const start = new WorkerStart(spec);
    const ready = start.run((timeoutMs) => this.#listen(timeoutMs), this.#options, this.#guard, this.#user);
    return { ready, cancel: () => start.cancel(ready) };
  }

  /**
   * Runs `server.on_init`, if there is one. Its environment stands below that of this process.
   *
   * @throws {@link WorkerStartError} when it fails and `exit_on_error` is set.
   */
  async runOnInit(): Promise<void> {
    const { server, clock, logger, cwd } = this.#options;
    const { onInit } = server;
    if (onInit === undefined) return;
    try {
      const child = await WorkerChild.start({
        command: onInit.command,
        environment: { ...onInit.env, ...this.#environmentOf(ON_INIT_MODE, {}) },
        relay: 'socket',
        ...(cwd === undefined ? {} : { cwd }),
        ...(onInit.user === undefined ? {} : { user: userOf(onInit.user, onInit.command) }),
        clock,
        logger,
        guard: this.#guard,
      });
      child.endInput();
      const timer = clock.setTimer(onInit.execTimeoutMs, () => child.signal('SIGKILL'));
      const exit = await child.exited;
      timer.cancel();
      if (exit.code === 0) return;
      const limit = exit.signal === 'SIGKILL' ? ` It may have run longer than its limit of ${onInit.execTimeoutMs} ms.` : '';
      throw new WorkerStartError(onInit.command, `It ended with ${describeExit(exit)}.${limit}`);
    } catch (error) {
      if (onInit.exitOnError) throw error;
      logger.error(`The program of "server.on_init" failed; the workers are started all the same. ${(error as Error).message}`);
    }
  }

  /** Kills all its workers and what they started, at once: for the end of this process. */
  kill(): void {
    this.#guard.killAll();
  }

  /** To be called when all pools have stopped. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#guard.close();
    const listener = await this.#listener?.catch(() => undefined);
    await listener?.close();
  }

  #listen(timeoutMs: number): Promise<WorkerListener> | undefined {
    const { server, clock, logger, maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES } = this.#options;
    if (isPipes(server.relay)) return undefined;
    if (this.#isClosed) return Promise.reject(new WorkerStartError(server.command, 'The kernel is closing.'));
    this.#listener ??= WorkerListener.open({ address: server.relay, handshakeTimeoutMs: timeoutMs, maxPayloadBytes, clock, logger }).catch(
      (error: unknown) => {
        this.#listener = undefined;
        throw error;
      },
    );
    return this.#listener;
  }

  #environmentOf(mode: string, extra: Readonly<Record<string, string>>): Record<string, string> {
    return environmentOf(this.#options, this.#options.server.relay, mode, extra);
  }
}

/** The way of one worker from its program to its first "here I am". */
class WorkerStart {
  readonly #spec: WorkerSpec;
  #child: WorkerChild | undefined;
  #isCancelled = false;

  constructor(spec: WorkerSpec) {
    this.#spec = spec;
  }

  async cancel(ready: Promise<Worker>): Promise<void> {
    this.#isCancelled = true;
    this.#child?.signal('SIGKILL');
    await ready.catch(() => undefined); // its process may be about to be started
    await this.#child?.exited;
  }

  async run(
    listen: (timeoutMs: number) => Promise<WorkerListener> | undefined,
    options: WorkerHostOptions,
    guard: OrphanGuard,
    user: { readonly uid: number; readonly gid: number } | undefined,
  ): Promise<Worker> {
    const { clock, logger, server, hasOwnPipe = false, cwd, maxWindow = DEFAULT_MAX_WINDOW, graceMs = DEFAULT_GRACE_MS } = options;
    const { command = server.command, mode, environment, timeoutMs, maxExecutions, owner } = this.#spec;
    const listener = await listen(timeoutMs);
    if (this.#isCancelled) throw new WorkerStartError(command, 'Its pool was stopped meanwhile.');
    const own = hasOwnPipe && listener === undefined;
    const relay = server.relay.endsWith(':0') && listener !== undefined ? listener.address : isPipes(server.relay) ? 'pipes' : server.relay;
    const extra = { [WINDOW_VARIABLE]: String(maxWindow), ...(own ? { [RELAY_FD_VARIABLE]: String(RELAY_DESCRIPTOR) } : {}), ...environment };
    const child = (this.#child = await WorkerChild.start({
      command,
      environment: environmentOf(options, relay, mode, extra),
      relay: listener !== undefined ? 'socket' : own ? 'descriptor' : 'pipes',
      ...(cwd === undefined ? {} : { cwd }),
      ...(user === undefined ? {} : { user }),
      clock,
      logger,
      guard,
      holdsOutput: true,
    }));
    if (this.#isCancelled) child.signal('SIGKILL');
    try {
      const { channel, reply } = await this.#meet(child, listener, options);
      child.releaseOutput();
      const window = reply.window === undefined ? undefined : Math.min(reply.window, maxWindow);
      return new Worker({ child, channel, window, maxExecutions, graceMs, clock, logger, owner });
    } catch (cause) {
      child.signal('SIGKILL');
      const exit = await child.exited;
      const words = child.lastWords === '' ? '' : ` It wrote last: ${child.lastWords}`;
      const end = exit.signal === 'SIGKILL' ? '' : ` It ended with ${describeExit(exit)}.`;
      throw new WorkerStartError(command, `${(cause as Error).message}${end}${words}`, { cause });
    }
  }

  /** Rejects with an Error whose message is a sentence. */
  async #meet(child: WorkerChild, listener: WorkerListener | undefined, options: WorkerHostOptions): Promise<Connected> {
    const { clock, maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES } = options;
    const { timeoutMs } = this.#spec;
    if (listener === undefined) {
      const { input, output } = child.streams;
      const channel = new FrameChannel(input, output, maxPayloadBytes);
      return { channel, reply: await shakeHands(channel, timeoutMs, clock) };
    }
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(timeoutMs, () => fail(`It did not dial ${listener.address} as process ${child.pid} within ${timeoutMs} ms.`));
      const fail = (reason: string): void => {
        timer.cancel();
        listener.forget(child.pid);
        reject(new Error(reason));
      };
      void child.exited.then(() => fail(`It ended before it dialled ${listener.address}.`));
      void listener.connected(child.pid).then((connected) => {
        timer.cancel();
        resolve(connected);
      });
    });
  }
}

function isPipes(relay: string): boolean {
  return relay === 'pipes' || relay === '';
}

function environmentOf(options: WorkerHostOptions, relay: string, mode: string, extra: Readonly<Record<string, string>>): Record<string, string> {
  const { environment = process.env, server, envMode = 'inherit', rpc, version, variables } = options;
  const more = { ...extra, ...variables?.() };
  return workerEnvironment({ own: environment, server: { relay, env: server.env }, envMode, rpc, version, mode, extra: more });
}

function userOf(name: string | undefined, command: readonly string[]): { readonly uid: number; readonly gid: number } | undefined {
  if (name === undefined) return undefined;
  try {
    return findUser(name);
  } catch (cause) {
    throw new WorkerStartError(command, (cause as Error).message, { cause });
  }
}
