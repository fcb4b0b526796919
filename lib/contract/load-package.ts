import { PackageMissingError } from './errors.js';

/**
 * Loads an optional package when it is needed, not before.
 *
 * @param neededBy - Begins the error's sentence: `The driver "kafka"`.
 * @param otherwise - The way out without the package, as a sentence.
 * @throws PackageMissingError when it is not installed.
 */
export async function loadPackage(name: string, neededBy: string, otherwise?: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(name)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND') throw new PackageMissingError(name, neededBy, otherwise, { cause });
    throw cause;
  }
}
