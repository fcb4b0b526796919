// "Ready" is what the protocol says, never an open port: a server that is still loading has one too.
import { connect } from 'node:net';

const ANSWER_TIMEOUT_MS = 2_000;
const AMQP_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
const AMQP_METHOD_FRAME = 1;
/** ApiVersions: int32 length 10, int16 key 18, int16 version 0, int32 correlation 7, int16 −1 for no client id. */
const KAFKA_API_VERSIONS = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]);

/** @param {number} port */
export async function answersAmqp(port) {
  const answer = await ask(port, AMQP_HEADER, 1);
  return answer?.[0] === AMQP_METHOD_FRAME;
}

/** @param {number} port */
export async function answersBeanstalk(port) {
  const answer = await ask(port, Buffer.from('stats\r\n'), 2);
  return answer?.toString('latin1', 0, 2) === 'OK';
}

/** @param {number} port */
export async function answersKafka(port) {
  const answer = await ask(port, KAFKA_API_VERSIONS, 10);
  return answer !== undefined && answer.readInt32BE(4) === 7 && answer.readInt16BE(8) === 0;
}

/** @param {string} url */
export async function answersHttp(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * @param {number} port
 * @param {Uint8Array} question
 * @param {number} bytes - As many make an answer.
 * @returns {Promise<Buffer | undefined>}
 */
function ask(port, question, bytes) {
  return new Promise((resolve) => {
    let answer = Buffer.alloc(0);
    const socket = connect(port, '127.0.0.1', () => socket.write(question));
    const end = (/** @type {Buffer | undefined} */ result) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => end(undefined));
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= bytes) end(answer);
    });
  });
}
