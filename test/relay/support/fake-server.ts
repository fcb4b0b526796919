import { createServer, type Server, type Socket } from 'node:net';
import type { RpcMessage } from '../../../lib/wire/rpc-message.js';
import { encodeRpcMessage, readRpcMessage } from '../../../lib/wire/rpc-message.js';
import { FrameReader } from '../../../lib/wire/frame-reader.js';
import { Inbox } from '../../support/inbox.js';

/** A call that a fake server got. */
export interface GotCall {
  readonly sequence: number;
  readonly method: string;
  readonly body: string;
  readonly socket: Socket;
  answer(body?: string): void;
  answerError(text: string): void;
}

/** A server that answers only what a test tells it to, or breaks. */
export class FakeServer {
  readonly calls = new Inbox<GotCall>();
  readonly sockets: Socket[] = [];
  /** Bytes of each piece that came in. */
  readonly pieces: number[] = [];

  private constructor(
    readonly server: Server,
    readonly port: number,
  ) {}

  get address(): string {
    return `tcp://127.0.0.1:${this.port}`;
  }

  /** @param onSocket - Called for each connection, before anything is read. */
  static start({ port = 0, onSocket = () => {} }: { port?: number; onSocket?: (socket: Socket) => void } = {}): Promise<FakeServer> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => {
        fake.#take(socket);
        onSocket(socket);
      });
      let fake: FakeServer;
      server.once('error', reject).listen(port, '127.0.0.1', () => {
        const address = server.address();
        fake = new FakeServer(server, typeof address === 'object' && address !== null ? address.port : 0);
        resolve(fake);
      });
    });
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  #take(socket: Socket): void {
    this.sockets.push(socket);
    const reader = new FrameReader();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.pieces.push(chunk.length);
      reader.read(chunk, (frame) => this.calls.put(aGotCall(readRpcMessage(frame), socket)));
    });
  }
}

function aGotCall(message: RpcMessage, socket: Socket): GotCall {
  const { sequence, method, codec } = message;
  return {
    sequence,
    method,
    body: Buffer.from(message.body).toString(),
    socket,
    answer: (body = '') => socket.write(encodeRpcMessage({ sequence, method, codec, body: Buffer.from(body) })),
    answerError: (text) => socket.write(encodeRpcMessage({ sequence, method, codec, isError: true, body: Buffer.from(text) })),
  };
}
