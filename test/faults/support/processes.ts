import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const SUPPORT = join(process.cwd(), 'test/faults/support');
/** Longer than any process of these tests needs. Unit: milliseconds. */
const EXIT_TIMEOUT_MS = 180_000;

/** A script of this folder, run by a process of its own against the built library. */
export interface FaultProcess {
  readonly pid: number;
  /** When it was started. Unit: Unix milliseconds. */
  readonly spawnedAt: number;
  /** Resolves with the first line of its output that begins so; rejects when it ends before. */
  line(start: string): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** All it wrote to stdout and stderr. */
  output(): string;
}

const running = new Set<ChildProcess>();

export function startProcess(script: string, options: object, nodeArgs: readonly string[] = []): FaultProcess {
  if (!existsSync('dist/runtime/index.js')) throw new Error('The library is not built. Run "npm run build" first.');
  const spawnedAt = Date.now();
  const child = spawn(process.execPath, [...nodeArgs, join(SUPPORT, script), JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  const listeners = new Set<() => void>();
  const read = (chunk: Buffer): void => {
    output += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_TIMEOUT_MS);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code, signal });
    });
  });
  const line = (start: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = output
          .split('\n')
          .slice(0, -1)
          .find((one) => one.startsWith(start));
        if (found === undefined) return;
        listeners.delete(look);
        resolve(found);
      };
      listeners.add(look);
      look();
      void ended.then(({ code, signal }) => reject(new Error(`${script} ended (${code ?? signal}) before it said "${start}":\n${output}`)));
    });
  return { pid: child.pid!, spawnedAt, line, kill: (signal) => void child.kill(signal), ended, output: () => output };
}

/** To be called after each test. */
export async function endProcesses(): Promise<void> {
  await Promise.all(
    [...running].map(
      (child) =>
        new Promise<void>((resolve) => {
          child.once('close', () => resolve());
          child.kill('SIGKILL');
        }),
    ),
  );
}

export function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the work resolves with; undefined when that takes longer. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
