// One server of a test or a sample: private folder, free loopback ports, a process group of its own, and an end in any case.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Where a server lives.
 *
 * @typedef {{ dataDir: string, ports: readonly number[] }} Place
 */

/**
 * What has to be known of a server.
 *
 * @typedef {object} BrokerKind
 * @property {string} name - Of its driver.
 * @property {string} server - Of the program, for people.
 * @property {number} portCount
 * @property {number} [readyTimeoutMs] - Default: 60,000.
 * @property {{ server?: readonly string[], tools?: readonly string[] }} packages - Of Debian: the server itself, and what `install` needs.
 * @property {() => { missing?: string }} find - What is missing here, if anything is.
 * @property {() => Promise<void>} install
 * @property {(place: Place) => void | Promise<void>} prepare - Writes its files. Called before every start; data of an earlier one stays.
 * @property {(place: Place) => { program: string, args: readonly string[], env?: Readonly<Record<string, string>> }} command
 * @property {(place: Place) => Promise<boolean>} isReady
 * @property {(place: Place) => string} url
 * @property {(place: Place) => { proxiedPort: number | undefined, advertisedPort: number | undefined }} [proxied]
 * @property {BrokerKind} [secure] - The same with listeners that want TLS and passwords.
 * @property {(place: Place) => Secured} [secured] - Of a secure kind.
 */

/**
 * How a client gets into a secure broker.
 *
 * @typedef {object} Secured
 * @property {Readonly<Record<string, number>>} listeners - Ports by what their listeners want.
 * @property {import('./certificates.mjs').CertificateFiles} files
 * @property {string} username
 * @property {string} password
 */

const READY_TIMEOUT_MS = 60_000;
const READY_PAUSE_MS = 25;
const STOP_TIMEOUT_MS = 15_000;
const GONE_TIMEOUT_MS = 10_000;
const TRIES = 3;
const LOG_TAIL_BYTES = 2_048;

/**
 * Ends a process group and removes a folder as soon as its stdin closes, which also a SIGKILL of this process does. It leads a session of its own,
 * so that a signal to our group does not end it before its work is done. It reads the group's id first: it runs before the server does.
 */
const GUARD =
  'read -r group || exit 0; while read -r line; do [ "$line" = done ] && exit 0; done; kill -s KILL -- "-$group" 2>/dev/null; sleep 0.3; rm -rf -- "$1"';

/** A server that runs, or ran. */
export class Broker {
  /** @type {BrokerKind} */
  #kind;
  /** @type {Place} */
  #place;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #guard;
  /** @type {Promise<void>} */
  #exited = Promise.resolve();

  /**
   * @param {BrokerKind} kind
   * @param {Place} place
   */
  constructor(kind, place) {
    this.#kind = kind;
    this.#place = place;
  }

  get name() {
    return this.#kind.name;
  }

  get url() {
    return this.#kind.url(this.#place);
  }

  get proxied() {
    return this.#kind.proxied?.(this.#place);
  }

  get secured() {
    return this.#kind.secured?.(this.#place);
  }

  /** The id of its first process and of its process group. */
  get pid() {
    return this.#child?.pid;
  }

  get dataDir() {
    return this.#place.dataDir;
  }

  get isRunning() {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and waits until it answers. */
  async launch() {
    await this.#kind.prepare(this.#place);
    this.#spawn();
    try {
      await this.#whenReady();
    } catch (error) {
      await this.crash();
      throw error;
    }
  }

  /** A clean end; SIGKILL when that takes too long. Its data stays. */
  async stop() {
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    await Promise.race([this.#exited, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    await this.crash();
  }

  /** SIGKILL to all of its processes; resolves when they are gone. Its data stays. */
  async crash() {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    killGroup(pid);
    await this.#exited;
    // Only then may the next one start: it would meet the ports and locks of the dying one.
    for (const deadline = performance.now() + GONE_TIMEOUT_MS; isGroupAlive(pid) && performance.now() < deadline;) await sleep(10);
    this.#child = undefined;
    this.#guard?.stdin?.end('done\n');
    this.#guard = undefined;
  }

  /** Starts it anew with the same ports and data; one that runs is killed. */
  async restart() {
    await this.crash();
    await this.launch();
  }

  /** Ends it and removes its data. `NRR_KEEP=1` keeps the data, to look at a failure. */
  async end() {
    await this.stop();
    if (process.env['NRR_KEEP'] === '1') console.log(`Kept ${this.dataDir}`);
    else rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Without waiting, for handlers of `exit`. */
  endNow() {
    const pid = this.#child?.pid;
    if (pid !== undefined) killGroup(pid);
  }

  #spawn() {
    const { program, args, env } = this.#kind.command(this.#place);
    const { dataDir } = this.#place;
    const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', dataDir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    const log = openSync(join(dataDir, 'output.log'), 'a');
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], cwd: dataDir, env: { ...process.env, ...env } });
    closeSync(log);
    guard.stdin?.on('error', () => {}); // It has ended: so has the server.
    guard.stdin?.write(`${child.pid}\n`);
    guard.unref();
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    this.#child = child;
    this.#guard = guard;
  }

  async #whenReady() {
    const { server, isReady, readyTimeoutMs = READY_TIMEOUT_MS } = this.#kind;
    const deadline = performance.now() + readyTimeoutMs;
    let exited = false;
    void this.#exited.then(() => (exited = true));
    while (!(await isReady(this.#place))) {
      if (exited) throw new Error(`${server} ended before it was ready. The end of its output:\n${this.#logTail()}`);
      if (performance.now() > deadline)
        throw new Error(`${server} was not ready after ${readyTimeoutMs} ms. The end of its output:\n${this.#logTail()}`);
      await sleep(READY_PAUSE_MS);
    }
    // Who answered may be a stranger that took the port first.
    if (exited) throw new Error(`${server} ended while somebody else answered on its port. The end of its output:\n${this.#logTail()}`);
  }

  #logTail() {
    const text = readFileSync(join(this.dataDir, 'output.log'));
    return text.subarray(Math.max(0, text.length - LOG_TAIL_BYTES)).toString('utf8');
  }
}

/** @type {Set<Broker>} */
const running = new Set();

/**
 * Starts a server. It ends with this process, however that ends.
 *
 * @param {BrokerKind} kind
 * @returns {Promise<Broker>}
 * @throws Error when it is not installed, or does not answer in time.
 */
export async function startBroker(kind) {
  const { missing } = kind.find();
  if (missing !== undefined) throw new Error(`${kind.server} is not here: ${missing}. Run: npm run brokers:install -- ${kind.name}`);
  if (running.size === 0) process.once('exit', endAllNow);
  for (let tries = 1; ; tries++) {
    const dataDir = mkdtempSync(join(tmpdir(), `nrr-${kind.name}-`));
    const broker = new Broker(kind, { dataDir, ports: await freePorts(kind.portCount) });
    running.add(broker);
    try {
      await broker.launch();
      return broker;
    } catch (error) {
      await endBroker(broker);
      // A port that was free a moment ago may have been taken.
      if (tries === TRIES || !/in use|eaddrinuse|already_used/iu.test(String(error))) throw error;
    }
  }
}

/** @param {Broker} broker */
export async function endBroker(broker) {
  await broker.end();
  running.delete(broker);
  if (running.size === 0) process.off('exit', endAllNow);
}

function endAllNow() {
  for (const broker of running) {
    broker.endNow();
    rmSync(broker.dataDir, { recursive: true, force: true });
  }
}

/**
 * @param {number} count
 * @returns {Promise<number[]>} Loopback ports that are free, all different: all are open until the last one is known.
 */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))));
  const ports = servers.map((server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** @param {number} group */
function killGroup(group) {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

/** @param {number} group */
function isGroupAlive(group) {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  return process.platform !== 'linux' || readdirSync('/proc').some((entry) => isLiveMember(entry, group));
}

/**
 * In a container whose first process does not wait for orphans, the dead ones stay in the table for ever.
 *
 * @param {string} entry
 * @param {number} group
 */
function isLiveMember(entry, group) {
  if (!/^\d+$/u.test(entry)) return false;
  try {
    const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
    const [state, , ofGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(ofGroup) === group && state !== 'Z' && state !== 'X';
  } catch {
    return false; // It ended meanwhile.
  }
}
