import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request as it came in: what it asks for, and its headers. */
export interface FrontRequest {
  /** `SendMessageBatch`, … */
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
}

export interface FrontAnswer {
  readonly status: number;
  readonly body: object;
}

export interface SqsFrontOptions {
  /** An answer in the service's stead; `undefined` lets the request through. */
  readonly answer?: (request: FrontRequest) => FrontAnswer | undefined;
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
  const listener: RequestListener = (incoming, outgoing) => {
    const seen = { operation: String(incoming.headers['x-amz-target']).replace(/^AmazonSQS\./u, ''), headers: incoming.headers };
    requests.push(seen);
    const own = answer?.(seen);
    if (own !== undefined) {
      incoming.resume();
      outgoing.writeHead(own.status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(own.body));
      return;
    }
    const { hostname, port } = new URL(target);
    const forwarded = request({ hostname, port, path: incoming.url, method: incoming.method, headers: incoming.headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  };
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
