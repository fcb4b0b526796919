import { readFileSync } from 'node:fs';

const USERS_FILE = '/etc/passwd';

/**
 * The numbers of a user, as this machine lists them.
 *
 * @throws Error with a sentence when there is no such user.
 */
export function findUser(name: string): { readonly uid: number; readonly gid: number } {
  let users: string;
  try {
    users = readFileSync(USERS_FILE, 'utf8');
  } catch (cause) {
    throw new Error(`The user "${name}" cannot be looked up: ${USERS_FILE} cannot be read. Remove "server.user".`, { cause });
  }
  for (const line of users.split('\n')) {
    const [user, , uid, gid] = line.split(':');
    if (user === name && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`There is no user "${name}" on this machine. Correct "server.user".`);
}
