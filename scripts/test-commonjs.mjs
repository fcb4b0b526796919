// A CommonJS application with Nest 11 that loads the packed library with require() and runs a job, on the running Node and on those of the cache.
import { Checks } from './support/checks.mjs';
import { createConsumer, runProgram } from './support/consumer.mjs';
import { cachedNode } from './support/node-binary.mjs';
import { packLibrary, withTempFolder } from './support/pack.mjs';

const MAJORS = [20, 22, 24];
const PROGRAMS = ['require-all.cjs', 'app.js'];

const checks = new Checks('commonjs');
await withTempFolder('commonjs', async (folder) => {
  const installed = await checks.check('the packed library installs and compiles with Nest 11 in a CommonJS application', async () => {
    const tarball = await packLibrary(folder);
    await createConsumer({ folder, tarball: tarball.path, type: 'commonjs', nest: 11 });
  });
  for (const major of MAJORS) {
    const node = cachedNode(major);
    for (const program of PROGRAMS) {
      const name = `${program} runs on Node ${major}`;
      if (!installed) checks.skip(name, 'nothing is installed');
      else if (node === undefined) checks.skip(name, 'not in the cache; npm run test:nodes puts it there');
      else await checks.check(name, () => runProgram(folder, program, node));
    }
  }
});
checks.finish();
