import type { PipelineStat, JobsApi } from '../../contract/jobs-api.js';
import type { KernelAdmin, WorkerStat } from '../../contract/kernel-admin.js';
import { AnswerError } from '../../wire/answer-error.js';
import { readFlag, readText, writeFlag, writePlain, writeTexts } from '../../wire/body.js';
import { writeGobPipelines, writeGobWorkers, type GobPipeline, type GobWorker } from '../../wire/gob.js';
import { readStatusRequest, unsignedPriority, writeStatus, type ServiceStatus } from '../../wire/jobs-messages.js';
import type { RpcMethod, RpcMethods } from '../rpc-method.js';

/** What informer, resetter and status see of a service. What is absent cannot be done: there are no worker processes. */
export interface WorkerService {
  workers(): Promise<readonly WorkerStat[]>;
  addWorker?(): Promise<void>;
  removeWorker?(): Promise<void>;
  resetWorkers?(): Promise<void>;
}

/** The service whose pipelines informer.Jobs shows. */
const JOBS = 'jobs';

const NANOSECONDS_PER_MS = 1_000_000;
const HEALTHY: ServiceStatus = { code: 200, message: '' };
const UNHEALTHY: ServiceStatus = { code: 503, message: 'internal server error, see logs' };
/** Numbers of the states of a worker process, as every client of informer knows them. */
const STATES = [
  ...['inactive', 'ready', 'working', 'invalid', 'stopping', 'stopped', 'destroyed', 'maxJobsReached'],
  ...['errored', 'idleTTLReached', 'ttlReached', 'maxMemoryReached'],
];

/**
 * The service of the jobs themselves. Without workers there are none to add, and a reset finds none to replace.
 *
 * @param pool - One of its pools alone.
 */
export function jobsService(admin: KernelAdmin, pool?: string): WorkerService {
  return {
    workers: () => admin.workers(pool),
    addWorker: () => admin.addWorker?.(pool) ?? Promise.resolve(),
    removeWorker: () => admin.removeWorker?.(pool) ?? Promise.resolve(),
    resetWorkers: () => admin.resetWorkers?.(pool) ?? Promise.resolve(),
  };
}

/**
 * The methods of `informer`, `resetter` and `status`. Beside the services that are listed they know each pool of jobs as `jobs.<pool>`: listed, its
 * workers would be shown twice.
 */
export function serviceMethods(api: JobsApi, admin: KernelAdmin, listed: ReadonlyMap<string, WorkerService>): RpcMethods {
  const names = [...listed.keys()];
  const pools = (admin.pools ?? []).map((pool) => [`${JOBS}.${pool}`, jobsService(admin, pool)] as const);
  const services = new Map([...pools, ...listed]);
  return new Map<string, RpcMethod>([
    ['informer.List', listMethod(names)],
    ['informer.Workers', workersMethod(services)],
    ['informer.Jobs', jobsMethod(api)],
    ['informer.AddWorker', managing(services, (service) => service.addWorker?.bind(service))],
    ['informer.RemoveWorker', managing(services, (service) => service.removeWorker?.bind(service))],
    ['resetter.List', listMethod(names.filter((name) => listed.get(name)?.resetWorkers !== undefined))],
    ['resetter.Reset', resetMethod(services)],
    ['status.Status', statusMethod('status', services, admin, ['ready', 'working'])],
    ['status.Ready', statusMethod('ready', services, admin, ['ready'])],
  ]);
}

// The argument says nothing.
function listMethod(names: readonly string[]): RpcMethod {
  return (body, codec) => {
    readFlag(body, codec);
    return writeTexts(names, codec);
  };
}

function workersMethod(services: ReadonlyMap<string, WorkerService>): RpcMethod {
  return async (body, codec) => {
    const service = services.get(readText(body, codec));
    const workers = service === undefined ? null : (await service.workers()).map(goWorker);
    const answer = {
      json: { workers: workers?.map((worker) => ({ ...worker })) ?? null },
      msgpack: { Workers: workers?.map(msgpackWorker) ?? null },
      gob: () => writeGobWorkers(workers ?? []),
    };
    return writePlain(answer, codec);
  };
}

function jobsMethod(api: JobsApi): RpcMethod {
  return async (body, codec) => {
    const pipelines = readText(body, codec) === JOBS ? (await api.stat()).map(goPipeline) : null;
    const plain = pipelines?.map((pipeline) => ({ ...pipeline })) ?? null;
    return writePlain({ json: plain, gob: () => writeGobPipelines(pipelines ?? []) }, codec);
  };
}

/** A real server answers false also when it has done it. */
function managing(services: ReadonlyMap<string, WorkerService>, actOf: (service: WorkerService) => (() => Promise<void>) | undefined): RpcMethod {
  return async (body, codec) => {
    const name = readText(body, codec);
    const service = services.get(name);
    const act = service === undefined ? undefined : actOf(service);
    if (act === undefined) throw new AnswerError(`plugin ${name} does not support workers management`);
    await act();
    return writeFlag(false, codec);
  };
}

function resetMethod(services: ReadonlyMap<string, WorkerService>): RpcMethod {
  return async (body, codec) => {
    const name = readText(body, codec);
    const service = services.get(name);
    if (service?.resetWorkers === undefined) {
      throw new AnswerError(`resetter_rpc_reset:\n\tresetter_plugin_reset_by_name: no such plugin: ${name}`);
    }
    await service.resetWorkers();
    return writeFlag(true, codec);
  };
}

/** @param states - A worker process in one of them makes the service healthy. */
function statusMethod(word: string, services: ReadonlyMap<string, WorkerService>, admin: KernelAdmin, states: readonly string[]): RpcMethod {
  return async (body, codec) => {
    const name = readStatusRequest(body, codec);
    const service = services.get(name);
    if (service === undefined) throw new AnswerError(`checker_rpc_${word}:\n\tchecker_plugin_${word}: no such plugin: ${name}`);
    const hasPool = name !== JOBS || admin.addWorker !== undefined;
    const isHealthy = !hasPool || (await service.workers()).some(({ status }) => states.includes(status));
    return writeStatus(isHealthy ? HEALTHY : UNHEALTHY, codec);
  };
}

// `command` is an empty text in the answers of a real server.
function goWorker({ pid, status, jobs, createdAt, memoryBytes, cpuPercent = 0 }: WorkerStat): GobWorker {
  const state = STATES.indexOf(status);
  return {
    pid,
    status: state === -1 ? 0 : state,
    numExecs: jobs,
    created: BigInt(Math.round(createdAt)) * BigInt(NANOSECONDS_PER_MS),
    memoryUsage: memoryBytes,
    CPUPercent: cpuPercent,
    command: '',
    statusStr: status,
  };
}

function msgpackWorker({ pid, status, numExecs, created, memoryUsage, CPUPercent, command, statusStr }: GobWorker): object {
  return {
    ...{ Pid: pid, Status: status, NumExecs: numExecs, Created: created },
    ...{ MemoryUsage: memoryUsage, CPUPercent, Command: command, StatusStr: statusStr },
  };
}

function goPipeline({ pipeline, driver, queue, active, delayed, reserved, ready, priority }: PipelineStat): GobPipeline {
  return {
    Pipeline: pipeline,
    Driver: driver,
    Queue: queue,
    Active: active,
    Delayed: delayed,
    Reserved: reserved,
    Ready: ready,
    Priority: unsignedPriority(priority),
    ErrorMessage: '',
  };
}
