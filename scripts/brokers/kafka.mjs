// Kafka: one node of both roles (KRaft), from Maven. The settings are the smallest ones that start fast, also after a SIGKILL.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/process.mjs';
import { cached } from './cache.mjs';
import { certificateFiles, makeCertificates, missingForCertificates } from './certificates.mjs';
import { installFromMaven } from './maven.mjs';
import { answersKafka } from './probes.mjs';
import { findJava } from './system.mjs';

const VERSION = process.env['KAFKA_VERSION'] ?? '4.4.0';
const ENTRY = `kafka-${VERSION}`;
const JVM = ['-Xms128m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true'];
/** Any 16 bytes in base64url; nothing but this node reads it. */
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg';

/** What a client of the secure one says. */
const USER = { username: 'ada', password: 'correct horse battery' };
/**
 * What the further listeners want, in Kafka's words.
 *
 * @type {Readonly<Record<string, string>>}
 */
const PROTOCOLS = { tls: 'SSL', saslTls: 'SASL_SSL', sasl: 'SASL_PLAINTEXT' };
const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-512'];

/** @type {import('./broker.mjs').BrokerKind} */
const plain = {
  name: 'kafka',
  server: `Kafka ${VERSION}`,
  // Clients, controller, clients that come through a proxy, and the address that those are told.
  portCount: 4,
  // 4 s on a machine that has nothing else to do.
  readyTimeoutMs: 180_000,
  packages: { tools: ['default-jre-headless', 'maven', 'openssl'] },
  find() {
    if (findJava() === undefined) return { missing: 'no Java 17' };
    return cached(ENTRY) === undefined ? { missing: `no ${ENTRY}` } : {};
  },
  async install() {
    const without = { group: 'org.apache.kafka', artifact: 'kafka-tools-api' }; // Named by 4.4.0, not published, not needed.
    await installFromMaven({ entry: ENTRY, group: 'org.apache.kafka', artifact: 'kafka_2.13', version: VERSION, without });
  },
  prepare: (place) => prepare(place, propertiesOf(place), []),
  command: ({ dataDir }) => ({
    program: /** @type {string} */ (findJava()),
    args: [...classPath(), 'kafka.Kafka', join(dataDir, 'server.properties')],
  }),
  isReady: ({ ports: [port] }) => answersKafka(port),
  url: ({ ports: [port] }) => `kafka://127.0.0.1:${port}`,
  proxied: ({ ports: [, , proxiedPort, advertisedPort] }) => ({ proxiedPort, advertisedPort }),
};

/**
 * With listeners for certificates (`tls`), passwords over TLS (`saslTls`) and passwords alone (`sasl`).
 *
 * @type {import('./broker.mjs').BrokerKind}
 */
const secure = {
  ...plain,
  portCount: 7,
  find() {
    const { missing = missingForCertificates() } = plain.find();
    return missing === undefined ? {} : { missing };
  },
  async prepare(place) {
    await makeCertificates(place.dataDir);
    const users = SCRAM.flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${USER.username},password="${USER.password}"]`]);
    await prepare(place, [...propertiesOf(place, securePortsOf(place)), ...securityOf(place)], users);
  },
  secured: (place) => ({ listeners: securePortsOf(place), files: certificateFiles(place.dataDir), ...USER }),
};

/** @type {import('./broker.mjs').BrokerKind} */
export const kafka = { ...plain, secure };

/**
 * @param {import('./broker.mjs').Place} place
 * @param {readonly string[]} properties
 * @param {readonly string[]} users
 */
async function prepare({ dataDir }, properties, users) {
  const file = join(dataDir, 'server.properties');
  writeFileSync(file, `${properties.join('\n')}\n`);
  if (existsSync(join(dataDir, 'logs'))) return;
  const args = [...classPath(), 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file, ...users];
  await run(/** @type {string} */ (findJava()), args, { cwd: dataDir, quiet: true, timeoutMs: 60_000 });
}

function classPath() {
  return [...JVM, '-cp', `${cached(ENTRY)}/*`];
}

/**
 * @param {import('./broker.mjs').Place} place
 * @returns {{ tls: number, saslTls: number, sasl: number }}
 */
function securePortsOf({ ports }) {
  const [tls, saslTls, sasl] = /** @type {[number, number, number]} */ (ports.slice(-3));
  return { tls, saslTls, sasl };
}

/**
 * @param {import('./broker.mjs').Place} place
 * @param {Readonly<Record<string, number>>} [more] - Ports of further listeners.
 * @returns {string[]}
 */
function propertiesOf({ dataDir, ports: [port, controller, proxied, advertised] }, more = {}) {
  const further = Object.entries(more).map(([name, ofIt]) => `,${name.toUpperCase()}://127.0.0.1:${ofIt}`);
  const protocols = Object.keys(more).map((name) => `,${name.toUpperCase()}:${PROTOCOLS[name]}`);
  const share = VERSION.startsWith('3.')
    ? []
    : [
        'share.coordinator.state.topic.replication.factor=1',
        'share.coordinator.state.topic.min.isr=1',
        'share.coordinator.state.topic.num.partitions=1',
      ];
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${proxied},CONTROLLER://127.0.0.1:${controller}${further.join('')}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${advertised}${further.join('')}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    `listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT${protocols.join('')}`,
    `log.dirs=${join(dataDir, 'logs')}`,
    'num.partitions=1',
    'default.replication.factor=1',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    ...share,
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=true',
    'num.network.threads=1',
    'num.io.threads=2',
    'background.threads=1',
    'log.cleaner.enable=false',
    // The registration of a node that was killed has to end before it may come back: by default that takes 14 s.
    'broker.session.timeout.ms=1500',
    'broker.heartbeat.interval.ms=300',
    'controller.quorum.election.timeout.ms=200',
    'controller.quorum.fetch.timeout.ms=400',
  ];
}

/**
 * @param {import('./broker.mjs').Place} place
 * @returns {string[]}
 */
function securityOf({ dataDir }) {
  const { authority, certificate, key } = certificateFiles(dataDir);
  const { username, password } = USER;
  const ofListener = (/** @type {string} */ name) => [
    `listener.name.${name}.sasl.enabled.mechanisms=PLAIN,${SCRAM.join(',')}`,
    `listener.name.${name}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`,
    ...SCRAM.map(
      (mechanism) =>
        `listener.name.${name}.${mechanism.toLowerCase()}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`,
    ),
  ];
  return [
    'ssl.keystore.type=PEM',
    `ssl.keystore.certificate.chain=${pem(certificate)}`,
    `ssl.keystore.key=${pem(key)}`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.certificates=${pem(authority)}`,
    'listener.name.tls.ssl.client.auth=required',
    ...ofListener('sasltls'),
    ...ofListener('sasl'),
  ];
}

/**
 * @param {string} file
 * @returns {string} Its text as a value of a property.
 */
function pem(file) {
  return readFileSync(file, 'utf8').trim().replaceAll('\n', '\\n');
}
