// The brokers of one run of the specs. It lives in the process that starts the workers of Jest; they ask it over loopback HTTP. A broker starts when
// the first spec file asks for it, so a run starts those that its files need and no others.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { endBroker, startBroker } from './broker.mjs';
import { kindOf, secureKindOf, urlVariable } from './kinds.mjs';

/**
 * @typedef {{ id?: string, url?: string, proxiedPort?: number | undefined, advertisedPort?: number | undefined,
 *   secured?: import('./broker.mjs').Secured | undefined, missing?: string, error?: string }} Answer
 */

/**
 * Ends the workers of Jest when the process that started them is gone. Without their broker they would dial it for ever. A pid may be somebody else's by
 * then, so it is looked at first.
 */
const WORKER_GUARD =
  'trap "" INT TERM HUP; while read -r pid; do pids="$pids $pid"; done; for pid in $pids; do case $(ps -o args= -p "$pid") in *jest-worker*) kill -s KILL "$pid";; esac; done';

export class BrokerKeeper {
  #server = createServer((request, response) => void this.#answer(request, response));
  #secret = randomBytes(12).toString('hex');
  /** @type {Map<string, Promise<import('./broker.mjs').Broker>>} */
  #shared = new Map();
  /** @type {Map<string, import('./broker.mjs').Broker>} */
  #own = new Map();
  /**
   * What is done with a broker of a spec file, one after the other: two starts at once would meet on its ports.
   *
   * @type {Map<string, Promise<void>>}
   */
  #lastAct = new Map();
  /** @type {Map<string, string>} */
  #missing = new Map();
  #lastId = 0;
  /** @type {Set<number>} */
  #workers = new Set();
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #workerGuard;

  /** @returns {Promise<string>} Its address, for NRR_BROKER_KEEPER. */
  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve(undefined)));
    this.#server.unref();
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}/${this.#secret}`;
  }

  /** Ends every broker and says which ones were missing. */
  async close() {
    this.#workerGuard?.kill('SIGKILL');
    this.#server.close();
    this.#server.closeAllConnections();
    const shared = await Promise.allSettled(this.#shared.values());
    const started = shared.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    await Promise.all([...started, ...this.#own.values()].map(endBroker));
    for (const [name, reason] of this.#missing) console.log(`skipped: ${name} (${reason})`);
  }

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  async #answer(request, response) {
    /** @type {Answer} */
    let answer;
    try {
      const [, secret, action] = (request.url ?? '').split('/');
      let text = '';
      for await (const chunk of request) text += chunk;
      if (secret !== this.#secret) throw new Error('This keeper belongs to another run.');
      answer = await this.#act(action ?? '', JSON.parse(text));
    } catch (error) {
      answer = { error: error instanceof Error ? error.message : String(error) };
    }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  }

  /**
   * @param {string} action
   * @param {{ name: string, own: boolean, secure: boolean, id: string, pid: number }} request
   * @returns {Promise<Answer>}
   */
  async #act(action, { name, own, secure, id, pid }) {
    if (action === 'start') {
      this.#guardWorker(pid);
      return this.#start(name, own, secure);
    }
    const broker = this.#own.get(id);
    if (broker === undefined) throw new Error(`There is no broker ${id}.`);
    if (action === 'end') this.#own.delete(id);
    const act = (this.#lastAct.get(id) ?? Promise.resolve()).then(() => actOn(broker, action));
    this.#lastAct.set(
      id,
      act.catch(() => {}), // told to who asked for it
    );
    await act;
    return {};
  }

  /** @param {number} pid */
  #guardWorker(pid) {
    if (pid === process.pid || this.#workers.has(pid)) return;
    this.#workers.add(pid);
    if (this.#workerGuard === undefined) {
      this.#workerGuard = spawn('/bin/sh', ['-c', WORKER_GUARD], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
      this.#workerGuard.stdin?.on('error', () => {}); // It was ended by hand: nothing is guarded then.
      this.#workerGuard.unref();
    }
    this.#workerGuard.stdin?.write(`${pid}\n`);
  }

  /**
   * @param {string} name
   * @param {boolean} own
   * @param {boolean} secure
   * @returns {Promise<Answer>}
   */
  async #start(name, own, secure) {
    const kind = secure ? secureKindOf(name) : kindOf(name);
    const given = process.env[urlVariable(name)];
    if (given !== undefined && !own) return { url: given };
    const missing = given === undefined ? missingReason(kind) : `${urlVariable(name)} names a broker that must not be killed`;
    if (missing !== undefined) {
      this.#missing.set(name, missing);
      return { missing };
    }
    if (!own) {
      const starting = this.#shared.get(name) ?? startBroker(kind);
      this.#shared.set(name, starting);
      return { url: (await starting).url };
    }
    const broker = await startBroker(kind);
    const id = `${name}-${++this.#lastId}`;
    this.#own.set(id, broker);
    return { id, url: broker.url, ...broker.proxied, secured: broker.secured };
  }
}

/**
 * @param {import('./broker.mjs').Broker} broker
 * @param {string} action
 */
async function actOn(broker, action) {
  if (action === 'kill') await broker.crash();
  else if (action === 'stop') await broker.stop();
  else if (action === 'restart') await broker.restart();
  else if (action === 'revive') {
    if (!broker.isRunning) await broker.restart();
  } else if (action === 'end') await endBroker(broker);
  else throw new Error(`There is no action "${action}".`);
}

/**
 * @param {import('./broker.mjs').BrokerKind} kind
 * @returns {string | undefined}
 * @throws Error where a missing broker is a failure.
 */
function missingReason({ name, find }) {
  if ((process.env['NRR_TEST_SKIP'] ?? '').split(',').includes(name)) return 'NRR_TEST_SKIP names it';
  const { missing } = find();
  if (missing === undefined) return undefined;
  const reason = `${missing}; run: npm run brokers:install -- ${name}`;
  if (process.env['CI'] === 'true')
    throw new Error(`The broker "${name}" is missing: ${reason}. With CI=true only NRR_TEST_SKIP=${name} excuses it.`);
  return reason;
}
