// A worker that does what the name of its job says. How it starts, and what it does at its end, stands in its arguments.
import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { CONTROL, ERROR, frame, readFrames } from './frames.mjs';

const habits = new Set(process.argv.slice(2));
const MIB = 1024 * 1024;
const ACK = '{"type":2,"data":[]}';

/** @type {(bytes: Uint8Array) => void} */
let send = (bytes) => {
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
};
let input = /** @type {import('node:stream').Readable} */ (process.stdin);
let jobs = 0;

if (habits.has('ignore-signals')) for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {});
if (habits.has('grandchild')) startGrandchild();
if (habits.has('exit-at-start')) {
  process.stderr.write('no configuration\n');
  process.exit(9);
}
if (habits.has('text-at-start')) send(Buffer.from('Warning: something is deprecated in line 1\n'));
if (habits.has('unsolicited-later')) setTimeout(() => send(answer(ACK)), 100);

const relay = process.env.RR_RELAY ?? 'pipes';
if (relay !== 'pipes' && !habits.has('never-dials')) {
  const [, protocol, rest] = /^(\w+):\/\/(.+)$/.exec(relay) ?? [];
  const socket = protocol === 'unix' ? connect(rest ?? '') : connect(Number(rest?.split(':')[1]), rest?.split(':')[0]);
  socket.on('error', () => process.exit(1));
  send = (bytes) => void socket.write(bytes);
  input = socket;
}
readFrames(input, ({ flags, options, payload }) => ((flags & CONTROL) === 0 ? work(options, payload) : control(JSON.parse(payload.toString()))));
input.on('end', () => {
  if (!habits.has('ignore-eof')) process.exit(0);
});
if (habits.has('ignore-eof')) setInterval(() => {}, 60_000);

/** @param {{ stop?: boolean }} message */
function control(message) {
  if (message.stop === true) {
    if (!habits.has('ignore-stop')) process.exit(0);
    return;
  }
  if (habits.has('silent')) return;
  if (habits.has('no-control')) send(frame(`{"pid":${process.pid}}`));
  else if (habits.has('pid-zero')) send(frame('{"pid":0}', { flags: CONTROL }));
  else if (habits.has('pid-nonsense')) send(frame('{"pid', { flags: CONTROL }));
  else if (habits.has('other-pid')) send(frame(`{"pid":${process.ppid}}`, { flags: CONTROL }));
  else if (habits.has('text-with-pid')) send(Buffer.concat([pidReply(), Buffer.from('Notice: a cache is missing\n')]));
  else if (habits.has('answer-with-pid')) send(Buffer.concat([pidReply(), answer(ACK)]));
  else send(pidReply());
  if (habits.has('exit-when-ready')) process.exit(0);
  if (habits.has('unsolicited')) setInterval(() => send(answer(ACK)), 20);
}

function pidReply() {
  return frame(`{"pid":${process.pid}}`, { flags: CONTROL });
}

/** @param {string} body */
function answer(body, context = '') {
  return frame(context + body, { options: [context.length] });
}

function startGrandchild() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)'], { stdio: 'inherit' });
  process.stderr.write(`grandchild ${child.pid}\n`);
}

/** @type {Record<string, (body: Buffer, context: { headers: Record<string, string[]> }) => void>} */
const behaviours = {
  ack: () => send(answer(ACK)),
  pid: () => send(answer(`{"type":1,"data":{"message":"${process.pid}","requeue":true}}`)),
  say: (body) => send(answer(body.toString())),
  environment: () => send(answer(JSON.stringify({ type: 3, data: { message: JSON.stringify(process.env), requeue: false } }))),
  arguments: () => send(answer(JSON.stringify({ type: 3, data: { message: JSON.stringify(process.argv.slice(2)), requeue: false } }))),
  'ack-later': (body) => void setTimeout(() => send(answer(ACK)), Number(body.toString())),
  'exit-3': () => {
    process.stderr.write('out of luck\n');
    process.exit(3);
  },
  'exit-0': () => process.exit(0),
  sigkill: () => process.kill(process.pid, 'SIGKILL'),
  abort: () => process.abort(),
  throw: () => {
    throw new RangeError('not caught');
  },
  'ack-and-exit': () => {
    send(answer(ACK));
    process.exit(1);
  },
  'grandchild-and-exit': () => {
    startGrandchild();
    process.exit(1);
  },
  'text-before': () => {
    send(Buffer.from('debug: here I am\n'));
    send(answer(ACK));
  },
  'text-after': () => send(Buffer.concat([answer(ACK), Buffer.from('debug: done, and a bit more\n')])),
  'zeros-before': () => send(Buffer.concat([Buffer.alloc(40), answer(ACK)])),
  'php-fatal': () => send(Buffer.from('Could not open input file: worker.php\n')),
  'half-header': () => {
    send(answer(ACK).subarray(0, 7));
    process.exit(0);
  },
  'half-payload': () => {
    send(answer(ACK).subarray(0, 20));
    process.exit(0);
  },
  'half-and-silence': () => send(answer(ACK).subarray(0, 20)),
  'no-option': () => send(frame(ACK)),
  'two-options': () => send(frame(ACK, { options: [0, 1] })),
  'big-option': () => send(frame(ACK, { options: [1_000] })),
  'eleven-options': () => send(frame(ACK, { options: Array.from({ length: 11 }, () => 0) })),
  'stream-bit': () => send(frame(ACK, { options: [0], stream: 1 })),
  ping: () => send(frame('', { options: [0], stream: 4 })),
  'wrong-crc': () => {
    const bytes = answer(ACK);
    bytes[6] = (bytes[6] ?? 0) ^ 1;
    send(bytes);
  },
  'version-2': () => send(frame(ACK, { options: [0], version: 2 })),
  'claim-4-gib': () => send(frame(ACK, { options: [0], claim: 0xffff_ffff })),
  'too-large': () => void process.stdout.write(frame(Buffer.alloc(2 * MIB, 32), { options: [0] })),
  'control-answer': () => send(frame(`{"pid":${process.pid}}`, { flags: CONTROL })),
  'answer-twice': () => send(Buffer.concat([answer(ACK), answer('{"type":4,"data":{"message":"again"}}')])),
  'error-frame': () => send(frame('the database is away', { flags: ERROR })),
  'empty-answer': () => send(answer('')),
  'restart-once': (_body, { headers }) => {
    if (habits.has('restarts') || headers['restart'] !== undefined) send(answer('', '{"stop":true}'));
    else send(answer(ACK));
  },
  silence: () => {},
  loop: () => {
    for (;;);
  },
  'close-output': () => {
    closeSync(1);
    setInterval(() => {}, 60_000);
  },
  'close-input': () => {
    process.stdin.destroy();
    setTimeout(() => send(answer(ACK)), 20);
    setInterval(() => {}, 60_000);
  },
  'byte-by-byte': () => {
    for (const byte of answer(ACK)) send(Uint8Array.of(byte));
  },
  'other-context': () => send(answer(ACK, '{"trace":"x"}')),
  'context-no-json': () => send(answer(ACK, '{"stop":')),
  'flood-stderr': () => {
    const line = `${'x'.repeat(120)}\n`.repeat(1_000);
    for (let count = 0; count < 100; count++) writeSync(2, line);
    send(answer(ACK));
  },
  'long-stderr': () => {
    process.stderr.write(`${'y'.repeat(MIB)}\n`);
    send(answer(ACK));
  },
  'stderr-control': () => {
    writeSync(2, 'red \u001b[31malert\u0007\r\n');
    send(answer(ACK));
  },
  'eat-memory': () => {
    const eaten = [];
    for (let mib = 0; mib < 200; mib++) eaten.push(Buffer.alloc(MIB, 1));
    setInterval(() => eaten.length, 60_000);
  },
  count: () => send(answer(`{"type":3,"data":{"message":"${jobs}"}}`)),
};

/**
 * @param {number[]} options
 * @param {Buffer} payload
 */
function work(options, payload) {
  jobs++;
  const [length = 0] = options;
  const context = JSON.parse(payload.subarray(0, length).toString());
  const behaviour = behaviours[context.job];
  if (behaviour === undefined) throw new Error(`unknown behaviour ${context.job}`);
  behaviour(payload.subarray(length), context);
}
