// A worker that says what a recorded worker said. Arguments: the recording, and a folder where all processes of one test write what they were told.
import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CONTROL, frame, readFrames } from './frames.mjs';

const [recording = '', folder = ''] = process.argv.slice(2);
const { frames, events = [] } = JSON.parse(readFileSync(recording, 'utf8'));
const starts = claim('start');
const log = join(folder, `frames-${starts}`);
writeFileSync(log, '');

const relay = process.env.RR_RELAY ?? 'pipes';
const socket = relay === 'pipes' ? undefined : connect(Number(relay.split(':').at(-1)), '127.0.0.1');
const input = socket ?? process.stdin;
const output = socket ?? process.stdout;
input.on('end', () => process.exit(0));

readFrames(input, (read) => {
  const whole = frame(read.payload, read);
  appendFileSync(log, `${whole.toString('hex')}\n`);
  if ((read.flags & CONTROL) === 0) answer(read);
  else if (read.payload.includes('"stop"')) process.exit(0);
  // Over a socket a worker is known by its own process id only.
  else if (socket !== undefined) output.write(frame(`{"pid":${process.pid}}`, { flags: CONTROL }));
  else say(frames.filter(({ from, decoded }) => from === 'worker' && decoded.kind === 'pid-reply')[Math.min(starts, replies()) - 1]);
});

function replies() {
  return frames.filter(({ from, decoded }) => from === 'worker' && decoded.kind === 'pid-reply').length;
}

/** The number of this call among all processes, from 1 on. */
function claim(name) {
  for (let number = 1; ; number++) {
    try {
      writeFileSync(join(folder, `${name}-${number}`), '', { flag: 'wx' });
      return number;
    } catch {
      if (!readdirSync(folder).includes(`${name}-${number}`)) throw new Error(`${folder} cannot be written`);
    }
  }
}

/** What the recorded worker said to the same delivery of the same job. */
function answer({ options, payload }) {
  const { id } = JSON.parse(payload.subarray(0, options[0]).toString());
  const delivery = claim(`job-${id}`);
  const asked = frames.filter(({ from, decoded }) => from === 'kernel' && decoded.context?.id === id)[delivery - 1];
  const place = (one) => `${one.worker ?? 1}/${one.conn ?? 1}`;
  const found = frames
    .slice(frames.indexOf(asked) + 1)
    .find((one) => one.from === 'worker' && place(one) === place(asked) && one.decoded.kind !== 'pid-reply');
  if (found !== undefined) return say(found);
  const end = events.find((one) => Object.values(one).includes('process-exited') && (one.worker ?? 1) === (asked.worker ?? 1));
  if (end !== undefined) process.exit(end.code);
}

function say({ hex }) {
  output.write(Buffer.from(hex, 'hex'));
}
