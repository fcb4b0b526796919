// beanstalkd with a synced log, so that a SIGKILL loses nothing.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { answersBeanstalk } from './probes.mjs';
import { installWithApt, onPath } from './system.mjs';

/** The largest job. The server's own default is 65,535 bytes. Unit: bytes. */
const MAX_JOB_BYTES = 20 * 1024 * 1024;

const findServer = () => process.env['NRR_BEANSTALKD'] ?? onPath('beanstalkd');

/** @type {import('./broker.mjs').BrokerKind} */
export const beanstalkd = {
  name: 'beanstalk',
  server: 'beanstalkd',
  portCount: 1,
  packages: { server: ['beanstalkd'] },
  find: () => (findServer() === undefined ? { missing: 'no beanstalkd' } : {}),
  async install() {
    await installWithApt(['beanstalkd']);
  },
  prepare({ dataDir }) {
    mkdirSync(join(dataDir, 'log'), { recursive: true });
  },
  command: ({ dataDir, ports: [port] }) => ({
    program: /** @type {string} */ (findServer()),
    args: ['-l', '127.0.0.1', '-p', String(port), '-b', join(dataDir, 'log'), '-f0', '-z', String(MAX_JOB_BYTES)],
  }),
  isReady: ({ ports: [port] }) => answersBeanstalk(port),
  url: ({ ports: [port] }) => `tcp://127.0.0.1:${port}`,
};
