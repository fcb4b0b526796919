// Loads every entry point of the installed library with import.
import { checkEntryPoint, entryPoints } from './entry-points.cjs';

for (const name of entryPoints) checkEntryPoint(name, await import(name));
console.log('ok');
