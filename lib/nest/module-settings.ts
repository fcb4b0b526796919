import type { Type } from '@nestjs/common';
import { pathOf, unknownKeyMessage, wrongValue } from '../config/issues.js';
import type { KernelOptions } from '../config/kernel-options.js';
import { check, filled, flag, isRecord } from '../config/schema.js';
import { kernelOptionNames, readKernelOptions } from '../config/settings.js';
import type { Clock } from '../contract/clock.js';
import type { DriverRegistry } from '../contract/driver.js';
import { JobsConfigError, type ConfigIssue } from '../contract/errors.js';
import { KernelEnvironment } from '../contract/kernel-environment.js';
import { optionKey } from '../contract/option-spec.js';
import type { KernelService } from '../contract/service.js';
import type { RrKernelParts } from '../runtime/rr-yaml-file.js';
import type { JobsMiddlewareOptions, JobsModuleOptions } from './jobs-module-options.js';
import { resolveRole, type ProcessRole } from './role.js';

/** What `forRoot` was given, checked: the part of Nest apart from the part of the kernel. */
export interface ModuleSettings {
  /** To be checked by the kernel. */
  readonly kernel: KernelOptions;
  /** The path of a `.rr.yaml` that belongs to `kernel`. */
  readonly configFile: string | undefined;
  /** What it says beside `kernel`, once it was read. */
  readonly fileParts: RrKernelParts;
  readonly role: ProcessRole;
  readonly autoStart: boolean;
  readonly handlers: NonNullable<JobsModuleOptions['handlers']>;
  readonly middleware: Required<JobsMiddlewareOptions>;
  readonly drivers: DriverRegistry | undefined;
  readonly clock: Clock | undefined;
  readonly services: readonly ServiceSetting[];
  readonly dispatchers: NonNullable<JobsModuleOptions['dispatchers']>;
}

/** A service and its section. */
export interface ServiceSetting {
  readonly service: KernelService | Type<KernelService>;
  readonly config: unknown;
}

const OWN_NAMES = ['configFile', 'role', 'autoStart', 'handlers', 'middleware', 'drivers', 'clock', 'services', 'dispatchers'];
/** Options of the kernel that RoadRunner's file does not have: they may stand beside it. */
const BESIDE_FILE: ReadonlySet<string> = new Set(['maxBytes', 'maxPayload', 'maxCrashes', 'grace', 'retry', 'failed', 'shutdown', 'dataDir']);
/** Those that stand at the root of the file. */
const ROOT_SECTIONS: ReadonlySet<string> = new Set(['rpc', 'amqp', 'beanstalk', 'sqs', 'kafka']);
const NO_SERVICES =
  'It stands beside "configFile", the sections of whose file say which services run. ' +
  'Add one of your own by JobsKernel.addService(), or remove "configFile".';
const MIDDLEWARE_NAMES = ['push', 'process'] as const satisfies readonly (keyof JobsMiddlewareOptions)[];

/**
 * @param input - What a user wrote as `JobsModuleOptions`, or what a factory of the user returned.
 * @throws JobsConfigError with everything that is wrong.
 */
export function readModuleOptions(input: unknown, environment: Readonly<Record<string, string | undefined>>): ModuleSettings {
  if (!isRecord(input)) throw new JobsConfigError([wrongValue('options', input, 'an object; a factory has to return it')]);
  const issues: ConfigIssue[] = [];
  const settings = {
    kernel: kernelPart(input, issues),
    configFile: readConfigFile(input, issues),
    fileParts: {},
    role: resolveRole(input.role, issues, { environment: new KernelEnvironment(environment), connects: connects(input.rpc) }),
    autoStart: input.autoStart === undefined || (check(flag(), input.autoStart, 'autoStart', issues) ?? true),
    handlers: readHandlers(input.handlers, issues),
    middleware: readMiddleware(input.middleware, issues),
    drivers: readDrivers(input.drivers, issues),
    clock: input.clock as Clock | undefined,
    services: readServices(input.services, issues),
    dispatchers: readDispatchers(input.dispatchers, issues),
  };
  if (issues.length > 0) throw new JobsConfigError([...issues, ...kernelIssues(settings.kernel)]);
  return settings;
}

// Unknown keys are told here, where all known ones are known.
function kernelPart(input: Readonly<Record<string, unknown>>, issues: ConfigIssue[]): KernelOptions {
  const kernelNames = kernelOptionNames();
  const known = [...kernelNames, ...OWN_NAMES];
  for (const key of Object.keys(input)) {
    if (!known.includes(key)) issues.push({ path: pathOf('', key), message: unknownKeyMessage(key, known) });
  }
  return Object.fromEntries(Object.entries(input).filter(([key]) => kernelNames.includes(key)));
}

function readConfigFile(input: Readonly<Record<string, unknown>>, issues: ConfigIssue[]): string | undefined {
  if (input.configFile === undefined) return undefined;
  const file = check(filled('the path of a .rr.yaml'), input.configFile, 'configFile', issues);
  for (const key of kernelOptionNames()) {
    if (input[key] === undefined || BESIDE_FILE.has(key)) continue;
    const place = ROOT_SECTIONS.has(key) ? key : `jobs.${optionKey(key)}`;
    issues.push({ path: key, message: `It stands beside "configFile", whose file has "${place}" for it. Write it there, or remove "configFile".` });
  }
  if (input.services !== undefined) issues.push({ path: 'services', message: NO_SERVICES });
  return file;
}

// Checked with the options of the kernel; here a wrong value is only passed over.
function connects(rpc: unknown): boolean {
  return typeof rpc === 'string' || (isRecord(rpc) && rpc.connect !== undefined && rpc.listen === undefined);
}

function kernelIssues(options: KernelOptions): readonly ConfigIssue[] {
  try {
    readKernelOptions(options);
    return [];
  } catch (error) {
    if (error instanceof JobsConfigError) return error.issues;
    throw error;
  }
}

function readHandlers(input: unknown = {}, issues: ConfigIssue[]): ModuleSettings['handlers'] {
  if (!isRecord(input)) {
    issues.push(wrongValue('handlers', input, 'an object with settings of handlers by the name of their job'));
    return {};
  }
  for (const [name, settings] of Object.entries(input)) {
    if (!isRecord(settings)) issues.push(wrongValue(pathOf('handlers', name), settings, 'an object with settings of a handler'));
  }
  return input as ModuleSettings['handlers'];
}

function readMiddleware(input: unknown = {}, issues: ConfigIssue[]): Required<JobsMiddlewareOptions> {
  if (!isRecord(input)) {
    issues.push(wrongValue('middleware', input, 'an object with "push" and "process"'));
    return { push: [], process: [] };
  }
  const given = Object.entries(input).filter(([, classes]) => classes !== undefined);
  for (const [key, classes] of given) {
    const path = pathOf('middleware', key);
    if (!MIDDLEWARE_NAMES.some((name) => name === key)) issues.push({ path, message: unknownKeyMessage(key, MIDDLEWARE_NAMES) });
    else if (!Array.isArray(classes)) issues.push(wrongValue(path, classes, 'a list of classes'));
    else classes.forEach((one: unknown, index) => typeof one !== 'function' && issues.push(wrongValue(pathOf(path, index), one, 'a class')));
  }
  return { push: [], process: [], ...Object.fromEntries(given) };
}

function readDrivers(input: unknown, issues: ConfigIssue[]): DriverRegistry | undefined {
  if (input === undefined) return undefined;
  if (!isRecord(input)) {
    issues.push(wrongValue('drivers', input, 'an object with functions that load drivers, by name'));
    return undefined;
  }
  for (const [name, load] of Object.entries(input)) {
    if (typeof load !== 'function') issues.push(wrongValue(pathOf('drivers', name), load, 'a function that loads the driver'));
  }
  return input as DriverRegistry;
}

function readServices(input: unknown = [], issues: ConfigIssue[]): ServiceSetting[] {
  if (!Array.isArray(input)) {
    issues.push(wrongValue('services', input, 'a list of services: objects, classes, or { service, config }'));
    return [];
  }
  return (input as unknown[]).flatMap((one, index): ServiceSetting[] => {
    const { service, config } = isRecord(one) && 'service' in one ? one : { service: one, config: undefined };
    if (typeof service === 'function' || (isObject(service) && typeof (service as Partial<KernelService>).init === 'function')) {
      return [{ service: service as ServiceSetting['service'], config }];
    }
    issues.push(
      wrongValue(pathOf('services', index), one, 'a service: an object with "name", "init", "serve" and "stop", its class, or { service, config }'),
    );
    return [];
  });
}

function readDispatchers(input: unknown = [], issues: ConfigIssue[]): ModuleSettings['dispatchers'] {
  if (!Array.isArray(input)) {
    issues.push(wrongValue('dispatchers', input, 'a list of dispatchers: objects or classes'));
    return [];
  }
  for (const [index, one] of (input as unknown[]).entries()) {
    if (typeof one === 'function' || (isObject(one) && 'canServe' in one && 'serve' in one)) continue;
    issues.push(wrongValue(pathOf('dispatchers', index), one, 'a dispatcher: an object with "canServe" and "serve", or its class'));
  }
  return input as ModuleSettings['dispatchers'];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
