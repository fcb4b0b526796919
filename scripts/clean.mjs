// Removes the folders named on the command line. Used before a build, so that no deleted source leaves a file behind.
import { rmSync } from 'node:fs';

for (const folder of process.argv.slice(2)) rmSync(folder, { recursive: true, force: true });
