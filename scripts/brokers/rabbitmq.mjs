// RabbitMQ of the system's package, as a node of its own: own ports, own data, own port mapper. The node of the system is not touched.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificateFiles, makeCertificates, missingForCertificates } from './certificates.mjs';
import { answersAmqp } from './probes.mjs';
import { installWithApt, isExecutable, onPath } from './system.mjs';

/** The script itself: the one on the path insists on a user and changes to it. */
const SCRIPTS = ['/usr/lib/rabbitmq/bin/rabbitmq-server', '/opt/homebrew/sbin/rabbitmq-server', '/usr/local/sbin/rabbitmq-server'];
const PORT_MAPPERS = ['/usr/bin/epmd', '/opt/homebrew/bin/epmd', '/usr/local/bin/epmd'];

const findScript = () => process.env['NRR_RABBITMQ_SERVER'] ?? SCRIPTS.find(isExecutable);
const findPortMapper = () => onPath('epmd') ?? PORT_MAPPERS.find(isExecutable);

/** The only user of the secure one; what has a meaning in an address is in the password. */
const USER = { username: 'ada', password: 'correct/horse@battery:staple' };

/** @type {import('./broker.mjs').BrokerKind} */
const plain = {
  name: 'amqp',
  server: 'RabbitMQ',
  portCount: 3,
  readyTimeoutMs: 90_000,
  packages: { server: ['rabbitmq-server'], tools: ['openssl'] },
  find() {
    if (findScript() === undefined) return { missing: 'no rabbitmq-server' };
    return findPortMapper() === undefined ? { missing: 'no epmd of Erlang' } : {};
  },
  async install() {
    await installWithApt(['rabbitmq-server']);
  },
  prepare: (place) => prepare(place, []),
  // Left alone the node starts a port mapper that outlives it for ever. Ours is a child of the same group and ends with the group.
  command: ({ dataDir, ports: [port, mapper, distribution] }) => ({
    program: '/bin/sh',
    args: ['-c', '"$1" -port "$2" -address 127.0.0.1 & exec "$3"', 'rabbitmq', findPortMapper() ?? '', String(mapper), findScript() ?? ''],
    env: {
      HOME: join(dataDir, 'home'),
      ERL_EPMD_PORT: String(mapper),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_CRASH_DUMP_SECONDS: '0',
      RABBITMQ_NODENAME: `nrr${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: join(dataDir, 'mnesia'),
      RABBITMQ_LOG_BASE: join(dataDir, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(dataDir, 'enabled_plugins'),
      RABBITMQ_CONFIG_FILE: join(dataDir, 'rabbitmq'),
      RABBITMQ_CONF_ENV_FILE: join(dataDir, 'none'),
      RABBITMQ_PID_FILE: join(dataDir, 'pid'),
      RABBITMQ_GENERATED_CONFIG_DIR: join(dataDir, 'gen'),
      RABBITMQ_FEATURE_FLAGS_FILE: join(dataDir, 'ff'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none',
    },
  }),
  isReady: ({ ports: [port] }) => answersAmqp(port),
  url: ({ ports: [port] }) => `amqp://guest:guest@127.0.0.1:${port}`,
};

/**
 * With a listener for TLS (`tls`) that wants a certificate of its client, and with a user of its own.
 *
 * @type {import('./broker.mjs').BrokerKind}
 */
const secure = {
  ...plain,
  portCount: plain.portCount + 1,
  find() {
    const { missing = missingForCertificates() } = plain.find();
    return missing === undefined ? {} : { missing };
  },
  async prepare(place) {
    await makeCertificates(place.dataDir);
    prepare(place, securityOf(place));
  },
  url: ({ ports: [port] }) => `amqp://${USER.username}:${encodeURIComponent(USER.password)}@127.0.0.1:${port}`,
  secured: (place) => ({ listeners: { tls: tlsPortOf(place) }, files: certificateFiles(place.dataDir), ...USER }),
};

/** @type {import('./broker.mjs').BrokerKind} */
export const rabbitmq = { ...plain, secure };

/**
 * @param {import('./broker.mjs').Place} place
 * @param {readonly string[]} more - Further lines of its configuration.
 */
function prepare({ dataDir }, more) {
  for (const folder of ['home', 'mnesia', 'log']) mkdirSync(join(dataDir, folder), { recursive: true });
  writeFileSync(join(dataDir, 'enabled_plugins'), '[].\n');
  const config = [
    'loopback_users = none',
    'log.file = false',
    'log.console = true',
    'log.console.level = warning',
    'vm_memory_high_watermark.absolute = 512MiB',
    'disk_free_limit.absolute = 50MB',
    ...more,
  ];
  writeFileSync(join(dataDir, 'rabbitmq.conf'), `${config.join('\n')}\n`);
}

/** @param {import('./broker.mjs').Place} place */
function tlsPortOf({ ports }) {
  return /** @type {number} */ (ports.at(-1));
}

/**
 * @param {import('./broker.mjs').Place} place
 * @returns {string[]}
 */
function securityOf(place) {
  const { authority, certificate, key } = certificateFiles(place.dataDir);
  return [
    `listeners.ssl.default = 127.0.0.1:${tlsPortOf(place)}`,
    `ssl_options.cacertfile = ${authority}`,
    `ssl_options.certfile = ${certificate}`,
    `ssl_options.keyfile = ${key}`,
    'ssl_options.verify = verify_peer',
    'ssl_options.fail_if_no_peer_cert = true',
    `default_user = ${USER.username}`,
    `default_pass = ${USER.password}`,
  ];
}
