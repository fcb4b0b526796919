// Loads every entry point of the installed library with require.
const { dirname } = require('node:path');
const { entryPoints } = require('./entry-points.cjs');

const library = dirname(require.resolve('nestjs-roadrunner/package.json'));
for (const { name } of entryPoints(library)) {
  const names = Object.keys(require(name));
  if (names.length === 0) throw new Error(`${name} exports nothing.`);
  console.log(`${name}: ${names.length} names`);
}
console.log('ok');
