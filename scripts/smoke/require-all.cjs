// Loads every entry point of the installed library with require.
const { checkEntryPoint, entryPoints } = require('./entry-points.cjs');

for (const name of entryPoints) checkEntryPoint(name, require(name));
console.log('ok');
