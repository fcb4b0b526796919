import { oneOf, check } from '../config/schema.js';
import { NotSupportedByKernelError, type ConfigIssue } from '../contract/errors.js';
import type { JobsRole } from './jobs-module-options.js';

const ROLES = ['auto', 'producer', 'kernel', 'worker'] as const satisfies readonly JobsRole[];

/** What a role depends on beside what a user wrote. */
export interface RoleCircumstances {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Pushes go to a kernel elsewhere: there is none here. */
  readonly connects: boolean;
}

/**
 * What this process does. `JOBS_ROLE` overrides `auto` only, so that a role written in code is certain.
 *
 * @param role - As a user wrote it; `undefined` is `auto`. What is wrong with it, or with `JOBS_ROLE`, is added to `issues`.
 * @throws NotSupportedByKernelError when it is `worker`.
 */
export function resolveRole(role: unknown, issues: ConfigIssue[], { environment, connects }: RoleCircumstances): 'producer' | 'kernel' {
  const written = role === undefined ? 'auto' : check(oneOf(ROLES), role, 'role', issues);
  const asked = written === 'auto' ? fromEnvironment(issues, environment, connects ? 'producer' : 'kernel') : written;
  if (asked === 'kernel' && connects) {
    const path = written === 'auto' ? 'JOBS_ROLE' : 'role';
    issues.push({ path, message: '"kernel" contradicts "rpc.connect", which pushes to a kernel elsewhere. Remove one of them.' });
  }
  if (asked === 'worker') {
    throw new NotSupportedByKernelError(
      'the role "worker"',
      'This version has no worker processes: unset RR_MODE and JOBS_ROLE, or set role to "kernel" or "producer".',
    );
  }
  return asked === 'producer' ? 'producer' : 'kernel';
}

// An empty variable is how deployments unset one.
function fromEnvironment(
  issues: ConfigIssue[],
  environment: Readonly<Record<string, string | undefined>>,
  otherwise: 'producer' | 'kernel',
): JobsRole | undefined {
  const asked = environment['JOBS_ROLE'] || 'auto';
  if (asked !== 'auto') return check(oneOf(ROLES), asked, 'JOBS_ROLE', issues);
  return environment['RR_MODE'] === 'jobs' ? 'worker' : otherwise;
}
