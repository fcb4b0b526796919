import { readFileSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import { RelayError } from '../contract/rpc-errors.js';
import type { RpcTlsSettings } from '../contract/settings.js';
import { messageOf } from '../contract/thrown.js';

const PEM_BEGIN = '-----BEGIN';

/**
 * Certificates as `node:tls` takes them; TLS 1.2 or newer.
 *
 * @throws {@link RelayError} when a file cannot be read.
 */
export function secureContext(tls: RpcTlsSettings, address: string): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    ...(tls.cert === undefined ? {} : { cert: readPem(tls.cert, 'cert', address) }),
    ...(tls.key === undefined ? {} : { key: readPem(tls.key, 'key', address) }),
    ...(tls.ca === undefined ? {} : { ca: readPem(tls.ca, 'ca', address) }),
  };
}

function readPem(value: string, name: string, address: string): string {
  if (value.trimStart().startsWith(PEM_BEGIN)) return value;
  try {
    return readFileSync(value, 'utf8');
  } catch (cause) {
    const reason = messageOf(cause);
    throw new RelayError(address, `"tls.${name}" names a file that cannot be read: ${reason}. Give the path of a PEM file, or the PEM itself.`, {
      cause,
    });
  }
}
