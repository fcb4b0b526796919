import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { broker } from '../support/brokers.js';
import { aJob } from '../support/jobs.js';
import { openSqsFront, type SqsFront, type SqsFrontOptions } from '../support/sqs-front.js';
import { openSqs, stopSqs } from '../support/sqs.js';

const sqs = await broker('sqs');
const run = promisify(execFile);
const TLS = { key: readFileSync('test/fixtures/tls/server.key'), cert: readFileSync('test/fixtures/tls/server.crt') };
const KEY = { AWS_ACCESS_KEY_ID: 'key-of-environment', AWS_SECRET_ACCESS_KEY: 'secret' };
const PROCESS_MS = 60_000;

/** What came of a push in a process with this environment and nothing else of ours. The SDK knows errors of the system in a plain Node only. */
async function pushWith(environment: Readonly<Record<string, string>>, endpoint: string, timeoutSeconds = 20): Promise<string> {
  if (!existsSync('dist/runtime/index.js')) throw new Error('The library is not built. Run "npm run build" first.');
  const nowhere = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' };
  const env = { PATH: process.env['PATH'], ...nowhere, ...environment };
  const { stdout } = await run(process.execPath, ['test/support/sqs-push.mjs', endpoint, String(timeoutSeconds)], { env, timeout: PROCESS_MS });
  return stdout.trim();
}

sqs.suite('sqs with credentials, and over https', () => {
  const fronts: SqsFront[] = [];
  const open = async (options: SqsFrontOptions = {}): Promise<SqsFront> => {
    const front = await openSqsFront(sqs.url, options);
    fronts.push(front);
    return front;
  };
  afterEach(async () => {
    await stopSqs();
    await Promise.all(fronts.splice(0).map((front) => front.close()));
  });

  /** Who signed the requests, and for where: `the-key/eu-west-3`. */
  const signers = ({ requests }: SqsFront) => [
    ...new Set(
      requests.map(({ headers }) =>
        /Credential=([^/]+)\/\d+\/([^/]+)\/sqs\//u
          .exec(headers.authorization ?? '')
          ?.slice(1, 3)
          .join('/'),
      ),
    ),
  ];

  it('signs with the key of the section, for its region, and shows the token of its session', async () => {
    const front = await open();
    const section = { endpoint: front.url, region: 'eu-west-3', key: 'the-key', secret: 'the-secret', sessionToken: 'the-token' };
    const { driver } = await openSqs(front.url, {}, { section });
    await driver.push(aJob());
    expect(signers(front)).toEqual(['the-key/eu-west-3']);
    expect([...new Set(front.requests.map(({ headers }) => headers['x-amz-security-token']))]).toEqual(['the-token']);
  });

  it.each([
    ['with its region', { ...KEY, AWS_REGION: 'ap-south-1' }, 'key-of-environment/ap-south-1'],
    ['for any region of a server of its own', KEY, 'key-of-environment/us-east-1'],
  ])(
    'signs with what the environment has where the section gives none, %s',
    async (_, environment, signer) => {
      const front = await open();
      expect(await pushWith(environment, front.url)).toBe('pushed');
      expect(signers(front)).toEqual([signer]);
    },
    2 * PROCESS_MS,
  );

  it(
    'says that there are no credentials, without waiting for the time of the push',
    async () => {
      const front = await open();
      expect(await pushWith({}, front.url)).toMatch(/^BROKER_REFUSED: .*credentials/iu);
      expect(front.requests).toEqual([]);
    },
    2 * PROCESS_MS,
  );

  it(
    'says that nobody listens when the time of the push is over',
    async () => {
      expect(await pushWith(KEY, 'http://127.0.0.1:1', 1)).toMatch(/^BROKER_UNAVAILABLE: .*ECONNREFUSED/u);
    },
    2 * PROCESS_MS,
  );

  it(
    'pushes over https to a server whose authority is trusted',
    async () => {
      const front = await open({ tls: TLS });
      expect(await pushWith({ ...KEY, NODE_EXTRA_CA_CERTS: 'test/fixtures/tls/ca.crt' }, front.url)).toBe('pushed');
      expect(front.requests.map(({ operation }) => operation)).toContain('SendMessageBatch');
    },
    2 * PROCESS_MS,
  );

  it(
    'does not talk to a server whose authority nobody trusts, and says so without waiting for the time of the push',
    async () => {
      const front = await open({ tls: TLS });
      expect(await pushWith(KEY, front.url)).toMatch(/^BROKER_REFUSED: .*certificate is not trusted.*NODE_EXTRA_CA_CERTS/u);
      expect(front.requests).toEqual([]);
    },
    2 * PROCESS_MS,
  );
});
