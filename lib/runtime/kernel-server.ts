import type { Clock, Deadline } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import type { RpcSettings } from '../contract/settings.js';
import type { Kernel, KernelServer } from '../kernel/kernel.js';
import { kernelMethods } from '../relay/methods/kernel-methods.js';
import type { RpcMethod, RpcMethods } from '../relay/rpc-method.js';
import { RpcServer } from '../relay/rpc-server.js';
import { AnswerError } from '../wire/answer-error.js';
import { VERSION } from './version.js';

/** What the server of a kernel is made of. */
export interface KernelServerParts {
  readonly settings: RpcSettings;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  /** What `rpc.Config` answers, without its secrets. */
  readonly config: () => unknown;
}

const DECLARE = 'jobs.Declare';
const NOT_LOCAL =
  'rpc_declare_pipeline:\n\tjobs_plugin_declare: pipelines are declared by programs of this machine only; ' +
  'add it to the configuration of the kernel, or set "rpc.allowDeclare" there';

/** Opens a kernel to the clients of RoadRunner and to ours. */
export function createKernelServer(kernel: Kernel, { settings, clock, logger, config }: KernelServerParts): KernelServer {
  const methods = kernelMethods({ jobs: kernel, admin: kernel.admin, version: VERSION, config, maxBatchJobs: settings.limits.maxBatchJobs });
  return new ListeningServer(
    new RpcServer({ settings, methods: settings.allowDeclare === true ? methods : withLocalDeclare(methods), clock, logger }),
  );
}

/** A declaration names drivers and files: it is taken from programs of this machine only. */
export function withLocalDeclare(methods: RpcMethods): RpcMethods {
  const declare = methods.get(DECLARE);
  if (declare === undefined) return methods;
  const local: RpcMethod = (body, codec, peer) => {
    if (!peer.isLoopback) throw new AnswerError(NOT_LOCAL);
    return declare(body, codec, peer);
  };
  return new Map([...methods, [DECLARE, local]]);
}

class ListeningServer implements KernelServer {
  readonly #server: RpcServer;
  #address: string | undefined;

  constructor(server: RpcServer) {
    this.#server = server;
  }

  get address(): string | undefined {
    return this.#address;
  }

  async listen(): Promise<void> {
    this.#address = (await this.#server.listen()).address;
  }

  async close(deadline: Deadline): Promise<void> {
    await this.#server.close(deadline);
    this.#address = undefined;
  }
}
