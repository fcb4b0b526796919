import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { KernelService } from '../contract/service.js';
import { messageOf } from '../contract/thrown.js';
import { CliUsageError } from './errors.js';
import type { CliIo } from './io.js';

/**
 * Loads services that are written as `module#export`: a path of the working directory or a package, and a class or an object of it.
 *
 * @throws CliUsageError when there is no such module, or what it exports is no service.
 */
export async function loadServices(written: readonly string[], command: string, io: CliIo): Promise<KernelService[]> {
  const services: KernelService[] = [];
  for (const text of written) {
    const [module = '', name = 'default'] = text.split('#');
    const exports = await load(module, text, command, io);
    const exported = exports[name];
    const service = typeof exported === 'function' ? make(exported as new () => unknown, text, name, command) : exported;
    if (!isService(service)) {
      const names = Object.keys(exports).join(', ');
      throw new CliUsageError(`--service ${text}: "${name}" is no service there. It has: ${names === '' ? 'nothing' : names}.`, command);
    }
    services.push(service);
  }
  return services;
}

async function load(module: string, text: string, command: string, io: CliIo): Promise<Readonly<Record<string, unknown>>> {
  try {
    const path = createRequire(join(io.workingDirectory, 'noop.js')).resolve(module);
    return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new CliUsageError(`--service ${text} cannot be loaded: ${messageOf(cause).split('\n')[0]}`, command, { cause });
  }
}

function make(service: new () => unknown, text: string, name: string, command: string): unknown {
  try {
    return new service();
  } catch (cause) {
    throw new CliUsageError(`--service ${text}: "${name}" cannot be made: ${messageOf(cause)}`, command, { cause });
  }
}

function isService(value: unknown): value is KernelService {
  const service = value as Partial<KernelService> | null | undefined;
  return typeof service?.name === 'string' && [service.init, service.serve, service.stop].every((method) => typeof method === 'function');
}
