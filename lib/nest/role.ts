import { oneOf, check } from '../config/schema.js';
import type { ConfigIssue } from '../contract/errors.js';
import type { KernelEnvironment } from '../contract/kernel-environment.js';
import type { JobsRole } from './jobs-module-options.js';

const ROLES = ['auto', 'producer', 'kernel', 'worker'] as const satisfies readonly JobsRole[];

/** What a role depends on beside what a user wrote. */
export interface RoleCircumstances {
  readonly environment: KernelEnvironment;
  /** Pushes go to a kernel elsewhere: there is none here. */
  readonly connects: boolean;
}

/** What a process does. */
export type ProcessRole = Exclude<JobsRole, 'auto'>;

/**
 * What this process does. `JOBS_ROLE` overrides `auto` only, so that a role written in code is certain.
 *
 * @param role - As a user wrote it; `undefined` is `auto`. What is wrong with it, or with `JOBS_ROLE`, is added to `issues`.
 */
export function resolveRole(role: unknown, issues: ConfigIssue[], { environment, connects }: RoleCircumstances): ProcessRole {
  const written = role === undefined ? 'auto' : check(oneOf(ROLES), role, 'role', issues);
  const asked = written === 'auto' ? fromEnvironment(issues, environment, connects ? 'producer' : 'kernel') : written;
  const path = written === 'auto' ? 'JOBS_ROLE' : 'role';
  if (asked === 'kernel' && connects) {
    issues.push({ path, message: '"kernel" contradicts "rpc.connect", which pushes to a kernel elsewhere. Remove one of them.' });
  }
  if (asked === 'worker' && !environment.isSpawned) {
    issues.push({
      path,
      message: '"worker" belongs to a process that a kernel spawned; none did, as RR_MODE is not set. Use "auto", which is a worker in those.',
    });
  }
  return asked === 'producer' || asked === 'worker' ? asked : 'kernel';
}

// An empty variable is how deployments unset one.
function fromEnvironment(issues: ConfigIssue[], environment: KernelEnvironment, otherwise: ProcessRole): JobsRole | undefined {
  const asked = environment.get('JOBS_ROLE') || 'auto';
  if (asked !== 'auto') return check(oneOf(ROLES), asked, 'JOBS_ROLE', issues);
  return environment.isSpawned ? 'worker' : otherwise;
}
