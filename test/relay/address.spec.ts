import { RelayError } from '../../lib/contract/rpc-errors.js';
import { formatAddress, isLoopback, isLoopbackIp, parseAddress } from '../../lib/relay/address.js';

describe('an address', () => {
  it.each([
    ['tcp://127.0.0.1:6001', { kind: 'tcp', host: '127.0.0.1', port: 6001 }],
    ['tcp://:6001', { kind: 'tcp', host: '', port: 6001 }],
    ['TCP://rr.example.org:0', { kind: 'tcp', host: 'rr.example.org', port: 0 }],
    ['tcp://[::1]:6001', { kind: 'tcp', host: '::1', port: 6001 }],
    ['unix:///run/app/rpc.sock', { kind: 'unix', path: '/run/app/rpc.sock' }],
    ['unix://rpc.sock', { kind: 'unix', path: 'rpc.sock' }],
  ])('is read: %s', (text, expected) => {
    expect(parseAddress(text)).toEqual(expected);
    expect(parseAddress(formatAddress(parseAddress(text)))).toEqual(expected);
  });

  it.each([
    ['127.0.0.1:6001', 'protocol is missing'],
    ['', 'protocol is missing'],
    ['tcp://a://b', 'twice'],
    ['udp://127.0.0.1:1', '"udp" is no protocol'],
    ['tls://127.0.0.1:6001', 'set "rpc.tls"'],
    ['tcp://127.0.0.1', 'port is missing'],
    ['tcp://127.0.0.1:', '"" is no port'],
    ['tcp://127.0.0.1:65536', '"65536" is no port'],
    ['tcp://127.0.0.1:-1', '"-1" is no port'],
    ['tcp://127.0.0.1:60x', '"60x" is no port'],
    ['tcp://::1:6001', 'in brackets'],
    ['tcp://a b:6001', 'is no host'],
    ['tcp://user@host:6001', 'is no host'],
    ['unix://', 'path of the socket is missing'],
    ['unix://a\0b', 'NUL'],
  ])('is refused with the reason: %s', (text, reason) => {
    expect(() => parseAddress(text)).toThrow(RelayError);
    expect(() => parseAddress(text)).toThrow(reason);
  });

  it.each(['tcp://127.0.0.1:1', 'tcp://127.9.9.9:1', 'tcp://[::1]:1', 'tcp://localhost:1', 'tcp://LOCALHOST:1', 'unix://x'])(
    'is of this machine only: %s',
    (text) => {
      expect(isLoopback(parseAddress(text))).toBe(true);
    },
  );

  it.each([
    'tcp://:1',
    'tcp://0.0.0.0:1',
    'tcp://[::]:1',
    'tcp://10.0.0.1:1',
    'tcp://127.example.org:1',
    'tcp://localhost.example.org:1',
    'tcp://127.1:1',
  ])('may be reached by others: %s', (text) => {
    expect(isLoopback(parseAddress(text))).toBe(false);
  });

  it('is known as loopback also when an IPv6 socket shows it', () => {
    expect(['::ffff:127.0.0.1', '::FFFF:127.0.0.1', '::1'].every(isLoopbackIp)).toBe(true);
    expect(['::ffff:10.0.0.1', '::2', '127.0.0.1.example.org'].some(isLoopbackIp)).toBe(false);
  });
});
