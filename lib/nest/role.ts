import { JobsConfigError, NotSupportedByKernelError } from '../contract/errors.js';
import type { JobsRole } from './jobs-module-options.js';

const ROLES: readonly string[] = ['auto', 'producer', 'kernel', 'worker'] satisfies JobsRole[];

/**
 * What this process does. `JOBS_ROLE` overrides `auto` only, so that a role written in code is certain.
 *
 * @throws JobsConfigError when the role is none.
 */
export function resolveRole(role: JobsRole = 'auto', environment: Readonly<Record<string, string | undefined>> = process.env): 'producer' | 'kernel' {
  const asked = role === 'auto' ? (environment['JOBS_ROLE'] ?? (environment['RR_MODE'] === 'jobs' ? 'worker' : 'kernel')) : role;
  const path = role === 'auto' ? 'JOBS_ROLE' : 'role';
  if (!ROLES.includes(asked)) throw new JobsConfigError([{ path, message: `"${asked}" is no role. Use one of ${ROLES.map((one) => `"${one}"`).join(', ')}.` }]);
  if (asked === 'worker') {
    throw new NotSupportedByKernelError('the role "worker"', 'This version has no worker processes: unset RR_MODE, or set role to "kernel" or "producer".');
  }
  return asked === 'producer' ? 'producer' : 'kernel';
}
