// Every sample as a stranger runs it: copied out of the repository, installed with the packed library, built, and its end-to-end test run.
import { existsSync, readdirSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Checks } from './support/checks.mjs';
import { packLibrary, withTempFolder } from './support/pack.mjs';
import { ROOT, runNpm } from './support/process.mjs';

const SAMPLES = join(ROOT, 'sample');
const LEFT_OUT = new Set(['node_modules', 'dist', 'outbox', '.nrr']);
const TEST_TIMEOUT_MS = 300_000;

/**
 * @param {string} sample
 * @param {string} folder
 * @param {string} tarball
 */
async function installSample(sample, folder, tarball) {
  await cp(join(SAMPLES, sample), folder, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
  const path = join(folder, 'package.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  if (manifest.dependencies?.['nestjs-roadrunner'] === undefined)
    throw new Error(`sample/${sample}/package.json does not depend on nestjs-roadrunner.`);
  for (const script of ['build', 'test']) {
    if (manifest.scripts?.[script] === undefined) throw new Error(`sample/${sample}/package.json has no script "${script}".`);
  }
  manifest.dependencies['nestjs-roadrunner'] = `file:${tarball}`;
  await writeFile(path, JSON.stringify(manifest, undefined, 2));
  await runNpm(['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: folder, quiet: true });
}

const checks = new Checks('samples');
const samples = readdirSync(SAMPLES).filter((name) => existsSync(join(SAMPLES, name, 'package.json')));
if (samples.length === 0) checks.skip('samples', 'there is no sample with a package.json');
await withTempFolder('samples', async (folder) => {
  let tarball = '';
  const packed = samples.length > 0 && (await checks.check('the library packs', async () => (tarball = (await packLibrary(folder)).path)));
  if (!packed) return;
  for (const sample of samples) {
    const place = join(folder, sample);
    const ready = await checks.check(`${sample} installs with the packed library and builds`, async () => {
      await installSample(sample, place, tarball);
      await runNpm(['run', 'build'], { cwd: place, quiet: true });
    });
    if (ready) await checks.check(`${sample} passes its test`, () => runNpm(['test'], { cwd: place, quiet: true, timeoutMs: TEST_TIMEOUT_MS }));
    else checks.skip(`${sample} passes its test`, 'it is not built');
  }
});
checks.finish();
