import { encodeFrame, FrameFlag } from './frame.js';

// What kernel and worker say to each other, inside goridge frames (recorded: test/fixtures/goridge, worker-*).
//
//   kernel → worker   CONTROL|JSON  {"pid":N}      who are you?
//   worker → kernel   CONTROL       {"pid":N}
//   kernel → worker   RAW           options [bytes of context], payload = context, body
//   worker → kernel   0             options [bytes of context], payload = context, body; for a job the body is as in job-answer.ts
//   worker → kernel   ERROR         payload = text
//   worker → kernel   0             context {"stop":true}: give it to another one and replace me
//   kernel → worker   CONTROL|JSON  {"stop":true}  finish, then exit 0
//
// Between a kernel and a worker of this library, agreed at the handshake: the kernel starts the worker with NRR_WINDOW=<most>, and the worker adds
// "nrr":{"window":<its own, at most that>} to its pid. Then several payloads are under way. Each frame has a second option, the number of its
// payload; the answer repeats it, an error frame too (options [0, number]), in any order. The kernel may also send CONTROL|JSON
// {"cancel":number,"code":…,"message":…}: end that one. It is answered all the same. The context of a job may have a last key "nrr":{"attempt":N}.

/** The variable of the environment that offers several payloads at once. */
export const WINDOW_VARIABLE = 'NRR_WINDOW';
/** The variable that names the descriptor of the frames, where they do not go over stdin and stdout. */
export const RELAY_FD_VARIABLE = 'NRR_RELAY_FD';

/** The bytes of a control frame. */
export function encodeControl(message: object): Uint8Array {
  return encodeFrame({ flags: FrameFlag.control | FrameFlag.json, payload: Buffer.from(JSON.stringify(message)) });
}
