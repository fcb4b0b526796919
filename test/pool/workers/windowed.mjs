// A worker that speaks the window protocol of this library, by hand. It does what the name of the job says.
import { writeSync } from 'node:fs';
import { CONTROL, ERROR, frame, readFrames } from './frames.mjs';

const habits = new Set(process.argv.slice(2));
const ACK = '{"type":2,"data":[]}';
/** @type {{ job: string, number: number, body: string, context: Record<string, unknown> }[]} */
let held = [];
/** @type {Buffer[]} */
const answers = [];
const seen = new Map();

/** @param {Uint8Array} bytes */
function send(bytes) {
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
}

/**
 * @param {number} number
 * @param {string} body
 */
const answer = (number, body, context = '') => frame(context + body, { options: [context.length, number] });

readFrames(process.stdin, ({ flags, options, payload }) => {
  if ((flags & CONTROL) !== 0) return control(JSON.parse(payload.toString()));
  const [length = 0, number = 0] = options;
  const context = JSON.parse(payload.subarray(0, length).toString());
  work({ job: context.job, number, body: payload.subarray(length).toString(), context });
});
process.stdin.on('data', () => {
  if (answers.length > 0) send(Buffer.concat(answers.splice(0)));
});
process.stdin.on('end', () => process.exit(0));

/** @param {{ pid?: number, stop?: boolean, cancel?: number, code?: string, message?: string }} message */
function control(message) {
  if (message.pid !== undefined) {
    const window = habits.has('greedy') ? 1_000 : Number(process.env['NRR_WINDOW']);
    send(frame(`{"pid":${process.pid},"nrr":{"window":${window}}}`, { flags: CONTROL }));
  } else if (message.cancel !== undefined) {
    const found = held.find(({ number }) => number === message.cancel);
    if (found === undefined || habits.has('deaf')) return;
    held = held.filter((one) => one !== found);
    if (habits.has('restart-when-cancelled')) return send(answer(found.number, '', '{"stop":true}'));
    send(
      answer(
        found.number,
        JSON.stringify({ type: 1, data: {}, nrr: { kind: 'failed', error: { type: 'Error', message: message.message, code: message.code } } }),
      ),
    );
  } else if (message.stop === true) {
    for (const { number } of held) send(answer(number, '{"type":3,"data":{"requeue":true},"nrr":{"kind":"unstarted"}}'));
    process.exit(0);
  }
}

/** @param {{ job: string, number: number, body: string, context: Record<string, unknown> }} job */
function work(job) {
  const { number, body } = job;
  switch (job.job) {
    case 'ack':
      answers.push(answer(number, ACK));
      break;
    case 'say':
      answers.push(answer(number, body));
      break;
    case 'context':
      answers.push(answer(number, JSON.stringify({ type: 3, data: { message: JSON.stringify(job.context) } })));
      break;
    // How many have come in all, and how many of them with this one at once.
    case 'held':
      answers.push(answer(number, JSON.stringify({ type: 3, data: { message: String(held.length) } })));
      break;
    case 'slow': {
      const until = Date.now() + Number(body);
      while (Date.now() < until);
      answers.push(answer(number, ACK));
      break;
    }
    case 'hold':
      held.push(job);
      break;
    case 'release':
      for (const one of held.splice(0).reverse()) answers.push(answer(one.number, JSON.stringify({ type: 3, data: { message: one.body } })));
      answers.push(answer(number, ACK));
      break;
    case 'unknown-number':
      answers.push(answer(number + 1_000, ACK));
      break;
    case 'twice':
      answers.push(answer(number, ACK), answer(number, ACK));
      break;
    case 'one-option':
      answers.push(frame(ACK, { options: [0] }));
      break;
    case 'error-frame':
      answers.push(frame('not today', { flags: ERROR, options: [0, number] }));
      break;
    case 'restart':
      if (seen.has(process.pid)) throw new Error('came back to the same process');
      seen.set(process.pid, true);
      answers.push(answer(number, '', '{"stop":true}'));
      break;
    case 'exit':
      process.exit(Number(body));
  }
}
