import type { ModulesContainer } from '@nestjs/core';

/** A module record of the container, as its hooks take it. */
type ModuleRecord = ModulesContainer extends Map<string, infer M> ? M : never;

/**
 * Runs the shutdown hooks of all modules, as `app.close()` would, then ends the process. The application itself is not at hand; and inside a
 * bootstrap hook it cannot be closed: whoever called `listen()` still waits for this hook, and must not go on to open ports.
 */
export async function endProcess(modules: ModulesContainer, exitCode: number, onError: (error: unknown) => void): Promise<never> {
  try {
    // Not exported from the root of the package; there in both majors.
    const { callModuleDestroyHook, callBeforeAppShutdownHook, callAppShutdownHook } = await import('@nestjs/core/hooks/index.js');
    const ordered = [...modules.values()].sort((a, b) => a.distance - b.distance);
    const hooks: ((module: ModuleRecord) => Promise<void>)[] = [callModuleDestroyHook, callBeforeAppShutdownHook, callAppShutdownHook];
    for (const hook of hooks) for (const module of ordered) await hook(module);
  } catch (error) {
    onError(error);
  }
  // oxlint-disable-next-line no-process-exit -- open handles of the application would keep the process alive, without a kernel
  process.exit(exitCode);
}
