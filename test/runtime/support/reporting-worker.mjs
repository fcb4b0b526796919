// A worker by hand: writes what it was given into a file of the folder NRRTEST_REPORTS, answers every job, ends when it is asked.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROL, frame, readFrames } from '../../pool/workers/frames.mjs';

const { NRRTEST_REPORTS: folder = '', ...env } = process.env;
writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify({ args: process.argv.slice(2), env }));
readFrames(process.stdin, ({ flags, payload }) => {
  if ((flags & CONTROL) === 0) process.stdout.write(frame('{"type":0,"data":[]}', { options: [0] }));
  else if (JSON.parse(payload.toString()).stop) process.exit(0);
  else process.stdout.write(frame(JSON.stringify({ pid: process.pid }), { flags: CONTROL }));
});
process.stdin.on('end', () => process.exit(0));
