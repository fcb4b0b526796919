import type { Clock, Deadline } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import type { KernelService } from '../contract/service.js';
import type { RpcSettings } from '../contract/settings.js';
import type { Kernel, KernelServer } from '../kernel/kernel.js';
import { kernelMethods } from '../relay/methods/kernel-methods.js';
import type { WorkerService } from '../relay/methods/service-methods.js';
import type { RpcMethod, RpcMethods } from '../relay/rpc-method.js';
import { RpcServer } from '../relay/rpc-server.js';
import { AnswerError } from '../wire/answer-error.js';
import { VERSION } from './version.js';
import { workerStat } from './worker-stat.js';

/** What the server of a kernel is made of. */
export interface KernelServerParts {
  readonly settings: RpcSettings;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  /** What `rpc.Config` answers, without its secrets. */
  readonly config: () => unknown;
  /** Sources of work beside the jobs, known when it begins to listen. */
  readonly services: () => readonly KernelService[];
}

const DECLARE = 'jobs.Declare';
const NOT_LOCAL =
  'rpc_declare_pipeline:\n\tjobs_plugin_declare: pipelines are declared by programs of this machine only; ' +
  'add it to the configuration of the kernel, or set "rpc.allowDeclare" there';

/** Opens a kernel to the clients of RoadRunner and to ours. */
export function createKernelServer(kernel: Kernel, parts: KernelServerParts): KernelServer {
  return new ListeningServer(kernel, parts);
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
  readonly #kernel: Kernel;
  readonly #parts: KernelServerParts;
  #server: RpcServer | undefined;
  #address: string | undefined;

  constructor(kernel: Kernel, parts: KernelServerParts) {
    this.#kernel = kernel;
    this.#parts = parts;
  }

  get address(): string | undefined {
    return this.#address;
  }

  async listen(): Promise<void> {
    const { settings, clock, logger, config, services } = this.#parts;
    const { admin } = this.#kernel;
    const all = kernelMethods({
      jobs: this.#kernel,
      admin,
      version: VERSION,
      config,
      maxBatchJobs: settings.limits.maxBatchJobs,
      services: new Map(services().map((service) => [service.name, workerService(service)])),
    });
    const methods = settings.allowDeclare === true ? all : withLocalDeclare(all);
    this.#server = new RpcServer({ settings, methods, clock, logger });
    this.#address = (await this.#server.listen()).address;
  }

  async close(deadline: Deadline): Promise<void> {
    await this.#server?.close(deadline);
    this.#address = undefined;
  }
}

/** A service as informer and resetter see it. */
function workerService(service: KernelService): WorkerService {
  return {
    workers: async () => (service.workers?.() ?? []).map(workerStat),
    ...(service.addWorker === undefined ? {} : { addWorker: async () => service.addWorker?.() }),
    ...(service.removeWorker === undefined ? {} : { removeWorker: async () => service.removeWorker?.() }),
    ...(service.reset === undefined ? {} : { resetWorkers: async () => service.reset?.() }),
  };
}
