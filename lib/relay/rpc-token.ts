import { createHash, timingSafeEqual } from 'node:crypto';
import { FrameFlag } from '../wire/frame.js';

/** Our own method: the first call of a connection whose server has a token. Its body is the token, as bytes or as JSON text. */
export const AUTH_METHOD = 'rpc.Auth';

/** Compares a token in a time that tells nothing about it. */
export class RpcToken {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = digestOf(Buffer.from(token));
  }

  isSame(body: Uint8Array, codec: number): boolean {
    return timingSafeEqual(digestOf(codec === FrameFlag.json ? jsonText(body) : body), this.#digest);
  }
}

// Both have the same length then, as the comparison wants it.
function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function jsonText(body: Uint8Array): Uint8Array {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return Buffer.from(typeof value === 'string' ? value : '');
  } catch {
    return Buffer.alloc(0);
  }
}
