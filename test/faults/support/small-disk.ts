import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createTempFolder } from '../../support/temp-folder.js';

const isLinux = process.platform === 'linux';

/** Why no file system can be mounted here; undefined when one can. */
export const whyNoMounts = reasonAgainstMounts();

/** A file system in memory, gone with `unmount`. */
export function mountDisk(options: string): { readonly folder: string; unmount(): void } {
  const folder = createTempFolder();
  mount(options, folder);
  return { folder, unmount: () => void run('umount', '-l', folder) };
}

function mount(options: string, folder: string): void {
  const { status, stderr, error } = run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder);
  if (status !== 0) throw new Error(error?.message ?? stderr.toString().trim());
}

function run(command: string, ...args: string[]): SpawnSyncReturns<Buffer> {
  return spawnSync(command, args);
}

function reasonAgainstMounts(): string | undefined {
  if (!isLinux) return `mounting is not tried on ${process.platform}`;
  try {
    mountDisk('size=64k').unmount();
    return undefined;
  } catch (error) {
    return `mounting is refused: ${(error as Error).message}`;
  }
}
