// The packed library in a Nest 12 application (ES module) on the running Node, on Node 22 and on Node 24.
import { Checks } from './support/checks.mjs';
import { createConsumer, runProgram } from './support/consumer.mjs';
import { installNode } from './support/node-binary.mjs';
import { packLibrary, withTempFolder } from './support/pack.mjs';

const MAJORS = [22, 24];
const PROGRAMS = ['import-all.mjs', 'app.js'];

const checks = new Checks('nodes');
await withTempFolder('nodes', async (folder) => {
  const installed = await checks.check('the packed library installs and compiles with Nest 12', async () => {
    const tarball = await packLibrary(folder);
    await createConsumer({ folder, tarball: tarball.path, type: 'module', nest: 12 });
  });
  const nodes = [
    { title: `Node ${process.versions.node}`, find: () => Promise.resolve(process.execPath) },
    ...MAJORS.map((major) => ({ title: `Node ${major}`, find: () => installNode(major) })),
  ];
  for (const { title, find } of nodes) {
    for (const program of PROGRAMS) {
      const name = `${program} runs on ${title}`;
      if (installed) await checks.check(name, async () => runProgram(folder, program, await find()));
      else checks.skip(name, 'nothing is installed');
    }
  }
});
checks.finish();
