// The entry points of a package, wildcards written out. The smoke programs use it too, next to the installed library.
const { readFileSync, readdirSync } = require('node:fs');
const { basename, dirname, join } = require('node:path');

/**
 * @param {string} folder - Where the package lies, built.
 * @returns {{ name: string, subpath: string, types: string }[]} What users import, its key in `exports`, the file of its declarations.
 */
exports.entryPoints = (folder) => {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === 'object')
    .flatMap(([subpath, { types }]) => expand(folder, subpath, types).map((found) => ({ ...found, name: manifest.name + found.subpath.slice(1) })));
};

/**
 * @param {string} folder
 * @param {string} subpath
 * @param {string} types
 */
function expand(folder, subpath, types) {
  if (!subpath.includes('*')) return [{ subpath, types }];
  const [before, after] = basename(types).split('*');
  return readdirSync(join(folder, dirname(types)))
    .filter((file) => file.startsWith(before) && file.endsWith(after))
    .sort()
    .map((file) => file.slice(before.length, file.length - after.length))
    .map((name) => ({ subpath: subpath.replace('*', name), types: types.replace('*', name) }));
}
