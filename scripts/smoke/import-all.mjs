// Loads every entry point of the installed library with import.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { entryPoints } from './entry-points.cjs';

const library = dirname(createRequire(import.meta.url).resolve('nestjs-roadrunner/package.json'));
for (const { name } of entryPoints(library)) {
  const names = Object.keys(await import(name));
  if (names.length === 0) throw new Error(`${name} exports nothing.`);
  console.log(`${name}: ${names.length} names`);
}
console.log('ok');
