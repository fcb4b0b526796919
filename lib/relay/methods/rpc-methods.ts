import { encodeJson } from '../../wire/go-json.js';
import { readFlag, writePlain, writeText } from '../../wire/body.js';
import { FrameFlag } from '../../wire/frame.js';
import { writeGobBytes } from '../../wire/gob.js';
import type { RpcMethod, RpcMethods } from '../rpc-method.js';
import { maskSecrets } from './mask-secrets.js';

/** The methods of `rpc`. */
export function rpcMethods(version: string, config: () => unknown): RpcMethods {
  return new Map<string, RpcMethod>([
    [
      'rpc.Version',
      (body, codec) => {
        readFlag(body, codec);
        return writeText(version, codec);
      },
    ],
    [
      'rpc.Config',
      (body, codec) => {
        readFlag(body, codec);
        return writeConfig(encodeJson(maskSecrets(config())), codec);
      },
    ],
  ]);
}

/** Bytes: themselves in raw, base64 in JSON. */
function writeConfig(bytes: Uint8Array, codec: number): Uint8Array {
  if (codec === FrameFlag.raw) return bytes;
  const json = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return writePlain({ json, msgpack: bytes, gob: () => writeGobBytes(bytes) }, codec);
}
