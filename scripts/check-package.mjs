// What is published: content, size, dependencies, entry points. Everything is looked at in the packed tarball.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryPoints } from './smoke/entry-points.cjs';
import { Checks } from './support/checks.mjs';
import { packLibrary, withTempFolder } from './support/pack.mjs';
import { ROOT, commandOf, runNode } from './support/process.mjs';

// The package is ESM for everybody. CommonJS applications load it with require, and many of them compile without looking at `exports`.
const ATTW = ['--profile', 'strict', '--ignore-rules', 'cjs-resolves-to-esm'];
const MAX_PACKED_BYTES = 650_000;
const MAX_DEPENDENCIES = 10;
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare'];
const EXPECTED_FILES = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'proto/jobs/v1/jobs.proto',
  'schema/rr-yaml.schema.json',
  'dist/index.js',
  'dist/index.d.ts',
];
const ALLOWED_FILE = /^(?:dist\/.+\.(?:js|d\.ts)|proto\/.+\.proto|schema\/rr-yaml\.schema\.json|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;

/**
 * @param {readonly string[]} problems
 * @param {string} remedy
 */
function expectNone(problems, remedy) {
  if (problems.length > 0) throw new Error(`${problems.join('\n')}\n${remedy}`);
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

/** @param {{ packages: Record<string, { dev?: boolean, hasInstallScript?: boolean, resolved?: string }> }} lock */
function installedWithScript({ packages }) {
  return Object.entries(packages)
    .filter(([path, { dev, hasInstallScript }]) => path.startsWith('node_modules/') && dev !== true && hasInstallScript === true)
    .map(([path]) => `${path} runs a script when it is installed.`);
}

const checks = new Checks('package');
const manifest = readJson('package.json');
const lock = readJson('package-lock.json');

await checks.check(`at most ${MAX_DEPENDENCIES} hard dependencies`, () => {
  const names = Object.keys(manifest.dependencies ?? {});
  expectNone(
    names.length > MAX_DEPENDENCIES ? [`${names.length}: ${names.join(', ')}`] : [],
    'Make one optional or write the few lines that are needed.',
  );
});

await checks.check('nothing runs at installation', () => {
  const own = INSTALL_SCRIPTS.filter((name) => manifest.scripts[name] !== undefined).map((name) => `package.json has the script "${name}".`);
  expectNone([...own, ...installedWithScript(lock)], 'The library must work where install scripts are switched off.');
});

await checks.check('the lock file names no host', () => {
  const named = Object.entries(lock.packages).filter(([, { resolved }]) => /^(?:https?|git)/.test(resolved ?? ''));
  expectNone(
    named.map(([path]) => path),
    'Write the lock file with the .npmrc of the project (omit-lockfile-registry-resolved).',
  );
});

await withTempFolder('package', async (folder) => {
  /** @type {import('./support/pack.mjs').Tarball | undefined} */
  let tarball;
  await checks.check('the library packs', async () => {
    tarball = await packLibrary(folder);
  });
  if (tarball === undefined) return;
  const { path, sizeBytes, unpackedBytes, files } = tarball;
  const entries = entryPoints(ROOT).map(({ subpath }) => subpath.replace(/^\.\//, ''));
  console.log(`  ${files.length} files, ${(sizeBytes / 1_000).toFixed(1)} kB packed, ${(unpackedBytes / 1_000).toFixed(1)} kB unpacked`);

  await checks.check(`smaller than ${MAX_PACKED_BYTES / 1_000} kB`, () =>
    expectNone(sizeBytes > MAX_PACKED_BYTES ? [`The tarball has ${sizeBytes} bytes.`] : [], 'Look at npm pack --dry-run for what grew.'),
  );
  await checks.check('holds what users need and nothing else', () => {
    const missing = EXPECTED_FILES.filter((file) => !files.includes(file)).map((file) => `${file} is missing.`);
    const surplus = files.filter((file) => !ALLOWED_FILE.test(file)).map((file) => `${file} does not belong there.`);
    expectNone([...missing, ...surplus], 'See "files" in package.json.');
  });
  await checks.check('publint finds nothing', () => runNode([commandOf('publint'), 'run', '--strict', path], { quiet: true }));
  await checks.check(`the types of ${entries.join(', ')} resolve`, () =>
    runNode([commandOf('@arethetypeswrong/cli', 'attw'), path, ...ATTW, '--no-color', '--entrypoints', ...entries], {
      quiet: true,
    }),
  );
});
checks.finish();
