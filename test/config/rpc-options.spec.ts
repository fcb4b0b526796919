import { readKernelOptions } from '../../lib/config/settings.js';
import { DEFAULT_RPC_LIMITS } from '../../lib/contract/settings.js';
import { issuesOf } from './support.js';

const rpcOf = (rpc: unknown) => readKernelOptions({ rpc }).rpc;
const issuesIn = (options: unknown) => issuesOf(() => readKernelOptions(options));

describe('the key rpc', () => {
  it('is absent by default', () => {
    expect(readKernelOptions({}).rpc).toBeUndefined();
  });

  it('takes the text of an address as one to connect to', () => {
    expect(rpcOf('tcp://127.0.0.1:6001')).toEqual({ target: { connect: 'tcp://127.0.0.1:6001', timeoutMs: 60_000 } });
    expect(rpcOf({ connect: 'unix:///run/jobs.sock', timeout: '5s', token: 'abc', tls: true })).toEqual({
      target: { connect: 'unix:///run/jobs.sock', timeoutMs: 5_000, token: 'abc', tls: {} },
    });
  });

  it('fills in the limits of a server', () => {
    expect(rpcOf({ listen: 'tcp://127.0.0.1:0' })).toEqual({
      listen: { listen: 'tcp://127.0.0.1:0', allowInsecure: false, limits: DEFAULT_RPC_LIMITS },
    });
  });

  it('converts the units of a server', () => {
    const limits = {
      maxConnections: '2',
      maxInFlight: 3,
      maxFrame: 4,
      headerTimeout: '5s',
      progressTimeout: 6,
      maxUnsent: 7,
      drainTimeout: '8ms',
      maxBatch: 9,
      maxHeld: 10,
    };
    expect(rpcOf({ listen: 'tcp://:6001', token: 't', tls: { cert: 'c.pem', key: 'k.pem', ca: 'a.pem' }, allowInsecure: 'true', limits })).toEqual({
      listen: {
        listen: 'tcp://:6001',
        token: 't',
        tls: { cert: 'c.pem', key: 'k.pem', ca: 'a.pem' },
        allowInsecure: true,
        limits: {
          maxConnections: 2,
          maxInFlight: 3,
          maxFrameBytes: 4,
          maxHeldBytes: 10,
          headerTimeoutMs: 5_000,
          progressTimeoutMs: 6_000,
          maxUnsentBytes: 7,
          drainTimeoutMs: 8,
          maxBatchJobs: 9,
        },
      },
    });
  });

  it('lets programs on other machines declare pipelines when it is asked to', () => {
    expect(rpcOf({ listen: 'tcp://127.0.0.1:0', allowDeclare: true })?.listen).toMatchObject({ allowDeclare: true });
  });

  it('refuses what is no address', () => {
    expect(issuesIn({ rpc: '127.0.0.1:6001' })).toEqual({
      'rpc.connect': expect.stringContaining('"127.0.0.1:6001" is not allowed. Give an address') as string,
    });
    expect(issuesIn({ rpc: { listen: 6001 } })).toEqual({ 'rpc.listen': expect.stringContaining('6001 is not allowed') as string });
    expect(issuesIn({ rpc: true })).toEqual({ rpc: expect.stringContaining('true is not allowed. Give an address to connect to') as string });
  });

  it('refuses both sides at once, and none', () => {
    expect(issuesIn({ rpc: { connect: 'tcp://a:1', listen: 'tcp://b:2' } })).toEqual({
      rpc: expect.stringContaining('"connect" and "listen" stand side by side') as string,
    });
    expect(issuesIn({ rpc: {} })).toEqual({ rpc: expect.stringContaining('neither "connect" nor "listen"') as string });
  });

  it('says to which side a key belongs', () => {
    expect(issuesIn({ rpc: { connect: 'tcp://a:1', allowInsecure: true, limits: {} } })).toEqual({
      'rpc.allowInsecure': 'It belongs to "listen", not to "connect". Remove it.',
      'rpc.limits': 'It belongs to "listen", not to "connect". Remove it.',
    });
    expect(issuesIn({ rpc: { listen: 'tcp://127.0.0.1:0', timeout: 5 } })).toEqual({
      'rpc.timeout': 'It belongs to "connect", not to "listen". Remove it.',
    });
  });

  it('tells everything that is wrong, also inside limits and tls', () => {
    expect(issuesIn({ rpc: { listen: 'tcp://127.0.0.1:0', tls: { ca: '' }, limits: { maxInFlight: 0, maxFrames: 1 }, tokn: 'x' } })).toEqual({
      'rpc.tls.ca': expect.stringContaining('"" is not allowed') as string,
      'rpc.tls.cert': 'It is missing. A server needs "cert" and "key".',
      'rpc.tls.key': 'It is missing. A server needs "cert" and "key".',
      'rpc.limits.maxInFlight': expect.stringContaining('1 or more') as string,
      'rpc.limits.maxFrames': 'There is no option "maxFrames". Did you mean "maxFrame"?',
      'rpc.tokn': 'There is no option "tokn". Did you mean "token"?',
    });
  });

  it('refuses pipelines beside the connection to another kernel', () => {
    expect(issuesIn({ rpc: 'tcp://127.0.0.1:6001', pipelines: { q: { driver: 'memory' } }, consume: ['q'] })).toEqual({
      pipelines: expect.stringContaining('beside "rpc.connect"') as string,
      consume: expect.stringContaining('beside "rpc.connect"') as string,
    });
    expect(readKernelOptions({ rpc: 'tcp://127.0.0.1:6001', pipelines: {}, consume: [] }).declarations).toEqual([]);
  });
});
