// The entry points of the installed library, wildcards written out.
const { readdirSync } = require('node:fs');
const { basename, dirname, join } = require('node:path');

const manifestPath = require.resolve('nestjs-roadrunner/package.json');
const manifest = require(manifestPath);

function expand(subpath, target) {
  if (!subpath.includes('*')) return [subpath];
  const [before, after] = basename(target).split('*');
  return readdirSync(join(dirname(manifestPath), dirname(target)))
    .filter((file) => file.startsWith(before) && file.endsWith(after))
    .map((file) => subpath.replace('*', file.slice(before.length, file.length - after.length)));
}

exports.entryPoints = Object.entries(manifest.exports)
  .filter(([, target]) => typeof target === 'object')
  .flatMap(([subpath, target]) => expand(subpath, target.default))
  .map((subpath) => manifest.name + subpath.slice(1));

exports.checkEntryPoint = (name, module) => {
  const names = Object.keys(module);
  if (names.length === 0) throw new Error(`${name} exports nothing.`);
  console.log(`${name}: ${names.length} names`);
};
