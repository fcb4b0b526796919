// SQS for tests: ElasticMQ, the strictest of the stand-ins.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from './cache.mjs';
import { installFromMaven } from './maven.mjs';
import { answersHttp } from './probes.mjs';
import { findJava } from './system.mjs';

const VERSION = process.env['ELASTICMQ_VERSION'] ?? '1.7.1';
const ENTRY = `elasticmq-${VERSION}`;

/** @type {import('./broker.mjs').BrokerKind} */
export const elasticmq = {
  name: 'sqs',
  server: `ElasticMQ ${VERSION}`,
  portCount: 1,
  packages: { tools: ['default-jre-headless', 'maven'] },
  find() {
    if (findJava() === undefined) return { missing: 'no Java 17' };
    return cached(ENTRY) === undefined ? { missing: `no ${ENTRY}` } : {};
  },
  async install() {
    await installFromMaven({ entry: ENTRY, group: 'org.elasticmq', artifact: 'elasticmq-server_2.13', version: VERSION });
  },
  prepare({ dataDir, ports: [port] }) {
    // The host "*" makes addresses of queues from that of the request, so that a proxy in front of it stays in the way.
    const config = `include classpath("application.conf")
node-address { protocol = http, host = "*", port = ${port}, context-path = "" }
rest-sqs { enabled = true, bind-hostname = "127.0.0.1", bind-port = ${port}, sqs-limits = strict }
rest-stats { enabled = false }
queues-storage { enabled = true, path = "${join(dataDir, 'queues.conf')}" }
messages-storage { enabled = true, uri = "jdbc:h2:${join(dataDir, 'messages')}" }
`;
    writeFileSync(join(dataDir, 'custom.conf'), config);
  },
  command: ({ dataDir }) => ({
    program: /** @type {string} */ (findJava()),
    args: [
      ...['-Xms32m', '-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
      ...[`-Dconfig.file=${join(dataDir, 'custom.conf')}`, '-cp', `${cached(ENTRY)}/*`, 'org.elasticmq.server.Main'],
    ],
  }),
  isReady: ({ ports: [port] }) => answersHttp(`http://127.0.0.1:${port}/?Action=ListQueues`),
  url: ({ ports: [port] }) => `http://127.0.0.1:${port}`,
};
