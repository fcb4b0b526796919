// Subjects on beanstalkd. The raw one pipelines: commands are written without waiting for the answer to the one before.
import { connect } from 'node:net';
import { PAYLOAD } from '../support/drain.mjs';
import { Arrivals, BODY, PREFETCH, inLots, openLibrary } from './subject.mjs';

const AT_ONCE = 1_000;
/** Of the bytes before the payload that the driver has to write for RoadRunner: name, id, pipeline, options and their types. */
const ENVELOPE_BYTES = 330;

/**
 * @param {string} url
 * @param {string} name
 */
export async function openBeanstalk(url, name) {
  const address = new URL(url);
  return {
    ...(await openIdleBeanstalk(url, name)),
    raw: await openRaw(address, `${name}-raw`, 'x'.repeat(ENVELOPE_BYTES) + PAYLOAD),
    bare: await openRaw(address, `${name}-bare`, PAYLOAD),
  };
}

/**
 * @param {string} url
 * @param {string} tube
 */
export async function openIdleBeanstalk(url, tube) {
  return { library: await openLibrary({ driver: 'beanstalk', tube, prefetch: PREFETCH }, { beanstalk: { addr: url } }, AT_ONCE) };
}

/**
 * Two connections, as the driver has: one that waits for jobs answers nothing else.
 *
 * @param {URL} address
 * @param {string} tube
 * @param {string} body
 * @returns {Promise<import('./subject.mjs').Subject>}
 */
async function openRaw(address, tube, body) {
  const arrivals = new Arrivals();
  const [pusher, worker] = [openClient(address), openClient(address)];
  await pusher.ask(`use ${tube}`);
  await worker.ask(`watch ${tube}`);
  await worker.ask('ignore default');
  const consumer = { isRunning: false };
  /** @type {Promise<unknown>} */
  let working = Promise.resolve();
  const work = async () => {
    while (consumer.isRunning) {
      const [word, id] = (await worker.ask('reserve-with-timeout 0')).split(' ');
      if (word !== 'RESERVED') {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      arrivals.handled(BODY.length);
      await worker.ask(`delete ${id}`);
    }
  };
  return {
    arrivals,
    push: (jobs) => inLots(jobs, Math.min(jobs, AT_ONCE), () => pusher.ask(`put 0 0 60 ${body.length}\r\n${body}`)),
    resume: () => {
      consumer.isRunning = true;
      working = Promise.all(Array.from({ length: PREFETCH }, work));
    },
    pause: async () => {
      consumer.isRunning = false;
      await working;
    },
    close: async () => {
      pusher.close();
      worker.close();
    },
  };
}

/** @param {URL} address */
function openClient({ hostname, port }) {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  /** @type {((line: string) => void)[]} */
  const waiting = [];
  let rest = '';
  let bodyLeft = 0;
  socket.setEncoding('latin1').on('data', (/** @type {string} */ text) => {
    rest += text;
    for (;;) {
      if (bodyLeft > 0) {
        if (rest.length < bodyLeft) return;
        rest = rest.slice(bodyLeft);
        bodyLeft = 0;
      }
      const end = rest.indexOf('\r\n');
      if (end === -1) return;
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (line.startsWith('RESERVED')) bodyLeft = Number(line.split(' ')[2]) + 2;
      waiting.shift()?.(line);
    }
  });
  return {
    ask: (/** @type {string} */ command) => {
      socket.write(`${command}\r\n`);
      return new Promise((/** @type {(line: string) => void} */ resolve) => waiting.push(resolve));
    },
    close: () => void socket.destroy(),
  };
}
