import { connect, type Socket } from 'node:net';
import { FrameFlag } from '../../../lib/wire/frame.js';
import { FrameReader } from '../../../lib/wire/frame-reader.js';
import { encodeRpcMessage, readRpcMessage } from '../../../lib/wire/rpc-message.js';
import { parseAddress } from '../../../lib/relay/address.js';
import { Inbox } from '../../support/inbox.js';

/** An answer, with its body as text. */
export interface RawAnswer {
  readonly sequence: number;
  readonly method: string;
  readonly codec: number;
  readonly isError: boolean;
  readonly body: string;
}

/** A client that sends whatever bytes a test likes and never minds what comes back. */
export class RawClient {
  readonly answers = new Inbox<RawAnswer>();
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>;

  private constructor(readonly socket: Socket) {
    const reader = new FrameReader();
    socket.on('data', (chunk) => {
      reader.read(chunk, (frame) => {
        const message = readRpcMessage(frame);
        this.answers.put({ ...message, body: Buffer.from(message.body).toString() });
      });
    });
    socket.on('error', () => {}); // a reset is an end, too
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** @param isHalfOpen - True: the end of the other side does not end this one. */
  static connect(address: string, { isHalfOpen = false } = {}): Promise<RawClient> {
    const at = parseAddress(address);
    const target = at.kind === 'unix' ? { path: at.path } : { host: at.host, port: at.port };
    return new Promise((resolve, reject) => {
      const socket = connect({ ...target, allowHalfOpen: isHalfOpen });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  write(...pieces: Uint8Array[]): void {
    this.socket.write(Buffer.concat(pieces));
  }

  call(sequence: number, method: string, body: string | Uint8Array = '', codec: number = FrameFlag.raw): void {
    this.write(aCall(sequence, method, body, codec));
  }

  /** Sends a call and waits for the next answer. */
  async ask(sequence: number, method: string, body: string | Uint8Array = '', codec: number = FrameFlag.raw): Promise<RawAnswer> {
    this.call(sequence, method, body, codec);
    return this.answers.next();
  }
}

export function aCall(sequence: number, method: string, body: string | Uint8Array = '', codec: number = FrameFlag.raw): Uint8Array {
  return encodeRpcMessage({ sequence, method, codec, body: Buffer.from(body) });
}
