// The smallest worker: tells its process id when asked, answers every job with "done". A second option, the number of a job, is answered with it.
import { cutter, frame } from './frames.mjs';

const CONTROL = 0x01;
const DONE = Buffer.from('{"type":0}');
/** @type {Buffer[]} */
let answers = [];

const cut = cutter((options, payload) => {
  if (options.length > 0) answers.push(frame(0, options.length === 1 ? [0] : [0, options[1] ?? 0], [DONE]));
  else if (payload.includes('"stop"')) process.exit(0);
  else answers.push(frame(CONTROL, [], [`{"pid":${process.pid},"nrr":{"window":${process.env['NRR_WINDOW'] ?? 1}}}`]));
});

process.stdin.on('data', (chunk) => {
  cut(chunk);
  const [only] = answers;
  if (only !== undefined) process.stdout.write(answers.length === 1 ? only : Buffer.concat(answers));
  answers = [];
});
process.stdin.on('end', () => process.exit(0));
