import { openTcpProxy, type TcpProxy } from './tcp-proxy.js';

/** A broker by the name of its driver. */
export type BrokerName = 'amqp' | 'beanstalk' | 'sqs' | 'kafka';

export interface BrokerOptions {
  /** A server that this spec file alone uses and may kill. Default: the one that the whole run shares. */
  readonly own?: boolean;
  /** With listeners that want TLS and passwords beside the plain one. Only Kafka and RabbitMQ have them, and only as an own one. */
  readonly secure?: boolean;
}

/** How a client gets into a broker that wants TLS and passwords. */
export interface SecuredBroker {
  /** Ports by what their listeners want. */
  readonly listeners: Readonly<Record<string, number>>;
  /** PEM. */
  readonly files: Readonly<Record<'authority' | 'certificate' | 'key' | 'clientCertificate' | 'clientKey', string>>;
  readonly username: string;
  readonly password: string;
}

/** Where a client connects to. */
export interface BrokerPlace {
  /** `amqp://guest:guest@127.0.0.1:5672`, `tcp://127.0.0.1:11300`, `http://127.0.0.1:9324`, `kafka://127.0.0.1:9092`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/** A broker's place behind a proxy. */
export interface ProxiedBroker extends BrokerPlace {
  readonly proxy: TcpProxy;
}

/**
 * A real broker. Names of queues, tubes and topics have to be unique per test: others use it at the same time.
 *
 * @example
 * ```ts
 * const rabbit = await broker('amqp'); // at the top of the spec file
 *
 * rabbit.suite('driver "amqp"', () => {
 *   it('connects', async () => { … rabbit.url … });
 * });
 * ```
 */
export interface TestBroker extends BrokerPlace {
  /** Why there is none here. */
  readonly missing: string | undefined;
  /** Of one that was asked for with `secure`. */
  readonly secured: SecuredBroker | undefined;
  /** `describe`; without the broker one skipped test whose name says the reason. */
  suite(name: string, body: () => void): void;
  /** SIGKILL to all of its processes; resolves when they are gone. Only with `own`. */
  kill(): Promise<void>;
  /** A clean end; resolves when it is gone. Only with `own`. */
  stop(): Promise<void>;
  /** Starts it anew with the same ports and data, after a SIGKILL if it runs; resolves when it answers. Only with `own`. */
  restart(): Promise<void>;
  /** Starts it again where it is dead, as a test that failed may have left it; resolves when it answers. Only with `own`. */
  revive(): Promise<void>;
  /** A proxy in front of it, closed after the spec file. Kafka: only with `own`, and one at a time. */
  proxy(): Promise<ProxiedBroker>;
}

/** A broker may take 15 s for a clean end before it is killed, on a machine that has much else to do. */
const CLOSE_TIMEOUT_MS = 60_000;

/** What the keeper of the run's brokers answers (`scripts/brokers/keeper.mjs`). */
interface KeeperAnswer {
  readonly id?: string;
  readonly url?: string;
  /** Kafka tells its clients this port when they come through `proxiedPort`. */
  readonly advertisedPort?: number;
  readonly proxiedPort?: number;
  readonly secured?: SecuredBroker;
  readonly missing?: string;
  readonly error?: string;
}

/**
 * The broker, started when the first spec file asks for it. `NRR_TEST_AMQP_URL` and the like name one that runs already.
 *
 * Call it at the top of a spec file, not inside a test: it registers its own clean-up.
 *
 * @throws Error with `CI=true` when it is neither there nor excused by `NRR_TEST_SKIP=amqp,kafka`.
 */
export async function broker(name: BrokerName, options: BrokerOptions = {}): Promise<TestBroker> {
  const answer = await ask('start', { name, own: options.own ?? options.secure ?? false, secure: options.secure ?? false, pid: process.pid });
  const opened = new OpenedBroker(name, answer);
  afterAll(() => opened.close(), CLOSE_TIMEOUT_MS);
  return opened;
}

async function ask(action: string, body: object): Promise<KeeperAnswer> {
  const keeper = process.env['NRR_BROKER_KEEPER'];
  if (keeper === undefined)
    throw new Error('NRR_BROKER_KEEPER is not set. Run the specs with "npm test": its global set-up starts the keeper of brokers.');
  const response = await fetch(`${keeper}/${action}`, { method: 'POST', body: JSON.stringify(body) });
  const answer = (await response.json()) as KeeperAnswer;
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}

class OpenedBroker implements TestBroker {
  readonly missing: string | undefined;
  readonly #name: BrokerName;
  readonly #answer: KeeperAnswer;
  readonly #proxies: TcpProxy[] = [];

  constructor(name: BrokerName, answer: KeeperAnswer) {
    this.#name = name;
    this.#answer = answer;
    this.missing = answer.missing;
  }

  get url(): string {
    if (this.#answer.url === undefined) throw new Error(`There is no ${this.#name} broker: ${this.missing}.`);
    return this.#answer.url;
  }

  get secured(): SecuredBroker | undefined {
    return this.#answer.secured;
  }

  get host(): string {
    return new URL(this.url).hostname;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  suite(name: string, body: () => void): void {
    if (this.missing === undefined) describe(name, body);
    else describe.skip(`${name} (skipped: ${this.missing})`, () => it('needs a broker', () => {}));
  }

  async kill(): Promise<void> {
    await ask('kill', { id: this.#own() });
  }

  async stop(): Promise<void> {
    await ask('stop', { id: this.#own() });
  }

  async restart(): Promise<void> {
    await ask('restart', { id: this.#own() });
  }

  async revive(): Promise<void> {
    await ask('revive', { id: this.#own() });
  }

  async proxy(): Promise<ProxiedBroker> {
    const { proxiedPort, advertisedPort } = this.#answer;
    if (this.#name === 'kafka' && advertisedPort === undefined)
      throw new Error('Only a Kafka of the spec file’s own can be proxied: broker("kafka", { own: true }).');
    const proxy = await openTcpProxy({ host: this.host, port: proxiedPort ?? this.port }, advertisedPort);
    this.#proxies.push(proxy);
    const url = new URL(this.url);
    url.host = `127.0.0.1:${proxy.port}`;
    return { url: url.href.replace(/\/$/u, ''), host: '127.0.0.1', port: proxy.port, proxy };
  }

  async close(): Promise<void> {
    await Promise.all(this.#proxies.splice(0).map((proxy) => proxy.close()));
    if (this.#answer.id !== undefined) await ask('end', { id: this.#answer.id });
  }

  #own(): string {
    if (this.#answer.id === undefined)
      throw new Error(`This ${this.#name} broker is shared by the run. Ask for broker("${this.#name}", { own: true }).`);
    return this.#answer.id;
  }
}
