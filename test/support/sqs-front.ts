import { once } from 'node:events';
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request as it came in. */
export interface FrontRequest {
  /** `SendMessageBatch`, … */
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
  /** What it asks for. */
  readonly input: Readonly<Record<string, unknown>>;
}

export interface FrontAnswer {
  readonly status: number;
  readonly body: object;
}

export interface SqsFrontOptions {
  /** An answer in the service's stead; `undefined` lets the request through, a promise holds it until then. */
  readonly answer?: (request: FrontRequest) => FrontAnswer | undefined | Promise<FrontAnswer | undefined>;
  /** Speaks HTTPS with it. */
  readonly tls?: ServerOptions;
}

/** What stands in front of a server that speaks like SQS: it sees every request, and answers some as the service itself would. */
export interface SqsFront {
  readonly url: string;
  readonly requests: readonly FrontRequest[];
  close(): Promise<void>;
}

/** Opens it on a free port of the loopback. */
export async function openSqsFront(target: string, { answer, tls }: SqsFrontOptions = {}): Promise<SqsFront> {
  const requests: FrontRequest[] = [];
  const front = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await text(incoming);
    const operation = String(incoming.headers['x-amz-target']).replace(/^AmazonSQS\./u, '');
    const seen = { operation, headers: incoming.headers, input: JSON.parse(body) as FrontRequest['input'] };
    requests.push(seen);
    const own = await answer?.(seen);
    if (own !== undefined) {
      outgoing.writeHead(own.status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(own.body));
      return;
    }
    const { hostname, port } = new URL(target);
    const forwarded = request({ hostname, port, path: incoming.url, method: incoming.method, headers: incoming.headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    forwarded.end(body);
  };
  const listener: RequestListener = (incoming, outgoing) => void front(incoming, outgoing).catch(() => outgoing.destroy());
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
