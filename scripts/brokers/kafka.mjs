// Kafka: one node of both roles (KRaft), from Maven. The settings are the smallest ones that start fast, also after a SIGKILL.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/process.mjs';
import { cached } from './cache.mjs';
import { installFromMaven } from './maven.mjs';
import { answersKafka } from './probes.mjs';
import { findJava } from './system.mjs';

const VERSION = process.env['KAFKA_VERSION'] ?? '4.4.0';
const ENTRY = `kafka-${VERSION}`;
const JVM = ['-Xms128m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true'];
/** Any 16 bytes in base64url; nothing but this node reads it. */
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg';

/** @type {import('./broker.mjs').BrokerKind} */
export const kafka = {
  name: 'kafka',
  server: `Kafka ${VERSION}`,
  // Clients, controller, clients that come through a proxy, and the address that those are told.
  portCount: 4,
  packages: { tools: ['default-jre-headless', 'maven'] },
  find() {
    if (findJava() === undefined) return { missing: 'no Java 17' };
    return cached(ENTRY) === undefined ? { missing: `no ${ENTRY}` } : {};
  },
  async install() {
    const without = { group: 'org.apache.kafka', artifact: 'kafka-tools-api' }; // Named by 4.4.0, not published, not needed.
    await installFromMaven({ entry: ENTRY, group: 'org.apache.kafka', artifact: 'kafka_2.13', version: VERSION, without });
  },
  async prepare({ dataDir, ports }) {
    writeFileSync(join(dataDir, 'server.properties'), propertiesOf(dataDir, ports));
    if (existsSync(join(dataDir, 'logs'))) return;
    const args = [...classPath(), 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', join(dataDir, 'server.properties')];
    await run(/** @type {string} */ (findJava()), args, { cwd: dataDir, quiet: true, timeoutMs: 60_000 });
  },
  command: ({ dataDir }) => ({
    program: /** @type {string} */ (findJava()),
    args: [...classPath(), 'kafka.Kafka', join(dataDir, 'server.properties')],
  }),
  isReady: ({ ports: [port] }) => answersKafka(port),
  url: ({ ports: [port] }) => `kafka://127.0.0.1:${port}`,
  proxied: ({ ports: [, , proxiedPort, advertisedPort] }) => ({ proxiedPort, advertisedPort }),
};

function classPath() {
  return [...JVM, '-cp', `${cached(ENTRY)}/*`];
}

/**
 * @param {string} dataDir
 * @param {readonly number[]} ports
 */
function propertiesOf(dataDir, [port, controller, proxied, advertised]) {
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
    `listeners=PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${proxied},CONTROLLER://127.0.0.1:${controller}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${advertised}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT',
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
    '',
  ].join('\n');
}
