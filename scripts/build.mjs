// Builds what is named: `lib`, `samples` (all of them) or one sample; a sample builds the library first. `--force` builds in any case.
// A stamp holds the digest of all inputs and of all outputs: a build is skipped only when neither has changed since.
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, commandOf, runNode } from './support/process.mjs';

const STAMPS = join(ROOT, '.cache/build');
// npm's record of what is installed: another version of Nest or of the compiler builds anew.
const INSTALLED = 'node_modules/.package-lock.json';
const GENERATED = 'lib/wire/generated';

/**
 * @typedef {{ name: string, inputs: readonly string[], output: string, build: () => Promise<unknown> }} Target
 */

/** @returns {Target} */
function library() {
  return {
    name: 'lib',
    inputs: ['lib', 'tsconfig.json', 'tsconfig.build.json', INSTALLED],
    output: 'dist',
    build: async () => {
      await runNode([commandOf('typescript7', 'tsc'), '-p', 'tsconfig.build.json']);
      // Code that is JavaScript already, with its types beside it: the compiler leaves it where it is.
      cpSync(join(ROOT, GENERATED), join(ROOT, 'dist/wire/generated'), { recursive: true });
      // npm does so when it installs; the samples of this repository run what was just built.
      const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
      chmodSync(join(ROOT, bin), 0o755);
    },
  };
}

/**
 * @param {string} project
 * @returns {Target}
 */
function sample(project) {
  const folder = `sample/${project}`;
  return {
    name: project,
    inputs: [`${folder}/src`, `${folder}/package.json`, `${folder}/tsconfig.json`, 'tsconfig.json', 'nest-cli.json', 'dist', INSTALLED],
    output: `${folder}/dist`,
    build: () => runNode([commandOf('@nestjs/cli', 'nest'), 'build', project]),
  };
}

/** @returns {string[]} */
function sampleNames() {
  const { projects } = JSON.parse(readFileSync(join(ROOT, 'nest-cli.json'), 'utf8'));
  return Object.keys(projects).filter((name) => projects[name].type === 'application');
}

/**
 * @param {Target} target
 * @param {boolean} force
 */
async function bring({ name, inputs, output, build }, force) {
  const stampFile = join(STAMPS, name);
  const inputDigest = digest(inputs);
  const isCurrent = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === `${inputDigest}\n${digest([output])}\n`;
  if (isCurrent && !force) return;
  rmSync(join(ROOT, output), { recursive: true, force: true });
  await build();
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stampFile, `${inputDigest}\n${digest([output])}\n`);
}

/** @param {readonly string[]} paths - Files and folders; one that is missing counts as empty. */
function digest(paths) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap(filesOf)) {
    const content = readFileSync(join(ROOT, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesOf(path) {
  const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(join(ROOT, path))
    .sort()
    .flatMap((entry) => filesOf(`${path}/${entry}`));
}

const names = process.argv.slice(2).filter((argument) => argument !== '--force');
const force = process.argv.includes('--force');
const samples = names.flatMap((name) => (name === 'samples' ? sampleNames() : name === 'lib' ? [] : [name]));
const unknown = samples.filter((name) => !sampleNames().includes(name));
if (names.length === 0 || unknown.length > 0) {
  console.error(
    `${unknown.length > 0 ? `There is no project ${unknown.join(', ')}. ` : ''}Name what to build: lib, samples, ${sampleNames().join(', ')}.`,
  );
  process.exitCode = 2;
} else {
  try {
    await bring(library(), force);
    await Promise.all(samples.map((name) => bring(sample(name), force)));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
