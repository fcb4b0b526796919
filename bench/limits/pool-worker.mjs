// The smallest worker: tells its process id when asked, answers every job with "done". With the argument "window" it takes as many jobs at once as
// NRR_WINDOW says; the second option of their frames, the number of a job, is answered with it.
import { cutter, frame } from './frames.mjs';

const CONTROL = 0x01;
const DONE = Buffer.from('{"type":0}');
const window = process.argv[2] === 'window' ? `,"nrr":{"window":${process.env['NRR_WINDOW'] ?? 1}}` : '';
/** @type {Buffer[]} */
let answers = [];

const cut = cutter((options, payload) => {
  if (options.length > 0) answers.push(frame(0, options.length === 1 ? [0] : [0, options[1] ?? 0], [DONE]));
  else if (payload.includes('"stop"')) process.exit(0);
  else answers.push(frame(CONTROL, [], [`{"pid":${process.pid}${window}}`]));
});

process.stdin.on('data', (chunk) => {
  cut(chunk);
  const [only] = answers;
  if (only !== undefined) process.stdout.write(answers.length === 1 ? only : Buffer.concat(answers));
  answers = [];
});
process.stdin.on('end', () => process.exit(0));
