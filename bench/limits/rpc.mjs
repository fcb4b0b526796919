// An RPC server that decodes and answers and keeps nothing, and a client with a number of calls in flight. Writes of one turn leave together.
import { connect, createServer } from 'node:net';
import { cutter, frame, PROTO } from './frames.mjs';
import { PushBatchRequest, PushRequest } from './messages.mjs';

/** @returns {Promise<{ port: number, jobs: () => number, close: () => void }>} */
export async function listen() {
  let jobs = 0;
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    const read = cutter(([sequence = 0, length = 0], payload) => {
      const method = payload.toString('latin1', 0, length);
      const body = payload.subarray(length);
      if (method === 'jobs.Push') {
        PushRequest.decode(body);
        jobs++;
      } else jobs += /** @type {{ jobs: unknown[] }} */ (/** @type {unknown} */ (PushBatchRequest.decode(body))).jobs.length;
      socket.write(frame(PROTO, [sequence, length], [method]));
    });
    socket.on('data', (chunk) => {
      socket.cork();
      read(chunk);
      socket.uncork();
    });
    socket.on('error', () => {});
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { port: address.port, jobs: () => jobs, close: () => void server.close() };
}

/**
 * A client: `call` sends, its promise resolves with the answer.
 *
 * @param {number} port
 */
export async function open(port) {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
  /** @type {Map<number, () => void>} */
  const waiting = new Map();
  let sequence = 0;
  let isCorked = false;
  const read = cutter(([id = 0]) => {
    waiting.get(id)?.();
    waiting.delete(id);
  });
  socket.on('data', read);
  return {
    /** @type {(method: string, body: Uint8Array) => Promise<void>} */
    call: (method, body) => {
      if (!isCorked) {
        isCorked = true;
        socket.cork();
        setImmediate(() => {
          isCorked = false;
          socket.uncork();
        });
      }
      const id = ++sequence;
      socket.write(frame(PROTO, [id, method.length], [method, body]));
      return new Promise((resolve) => waiting.set(id, resolve));
    },
    close: () => socket.destroy(),
  };
}
