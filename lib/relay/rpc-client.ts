import { JobsArgumentError } from '../contract/errors.js';
import type { JobsApi, JobsApiSource } from '../contract/jobs-api.js';
import { JsonCodec, type RpcCodec } from './codecs.js';
import { RemoteJobsApi } from './remote-jobs-api.js';
import { RpcConnection, type RpcConnectionOptions } from './rpc-connection.js';
import type { RpcSender } from './rpc-sender.js';

/** @publicApi */
export interface RpcClientOptions extends RpcConnectionOptions {
  /** Default: {@link JsonCodec}. */
  readonly codec?: RpcCodec;
}

/**
 * Calls methods of a RoadRunner, or of a kernel of this library, over goridge.
 *
 * @example
 * const rpc = RpcClient.connect('tcp://127.0.0.1:6001');
 * await rpc.call('rpc.Version', true);
 * await rpc.withServicePrefix('informer').call('list', true);
 * await rpc.close();
 *
 * @publicApi
 */
export class RpcClient implements RpcSender, JobsApiSource {
  readonly #connection: RpcConnection;
  readonly #codec: RpcCodec;
  readonly #prefix: string;

  private constructor(connection: RpcConnection, codec: RpcCodec, prefix: string) {
    this.#connection = connection;
    this.#codec = codec;
    this.#prefix = prefix;
  }

  /**
   * Opens nothing yet: the first call connects.
   *
   * @param address - `tcp://host:port` or `unix://path`.
   * @throws RelayError when the address is none, or TLS is asked of a unix socket.
   */
  static connect(address: string, options: RpcClientOptions = {}): RpcClient {
    return new RpcClient(new RpcConnection(address, options), options.codec ?? new JsonCodec(), '');
  }

  get address(): string {
    return this.#connection.address;
  }

  /**
   * Calls a method; may be called many times at once.
   *
   * @param method - `jobs.List`; behind a service prefix `list` or `List`.
   * @param decodeAs - For {@link ProtobufCodec}: the class of the answer.
   * @throws ServiceError when the other side answers with an error.
   * @throws RpcUnreachableError when the call did not leave, RpcUncertainError when it may have, CodecError when a value cannot be
   *   written or read.
   */
  async call(method: string, value?: unknown, decodeAs?: unknown): Promise<unknown> {
    const codec = this.#codec;
    return codec.decode(await this.#connection.send(this.#nameOf(method), codec.encode(value), codec.flag), decodeAs);
  }

  /** Bytes there and back, whatever the codec and the prefix of this client. */
  send(method: string, body: Uint8Array, codec: number, options?: { readonly timeoutMs?: number }): Promise<Uint8Array> {
    return this.#connection.send(method, body, codec, options);
  }

  /** A client on the same connection whose methods are those of `service`. */
  withServicePrefix(service: string): RpcClient {
    if (service === '') throw new JobsArgumentError('The service prefix is empty. Give the name of a service, such as "jobs".');
    return new RpcClient(this.#connection, this.#codec, service);
  }

  /** A client on the same connection with another codec. */
  withCodec(codec: RpcCodec): RpcClient {
    return new RpcClient(this.#connection, codec, this.#prefix);
  }

  /** The pipelines behind this connection: what `new Jobs(rpc)` pushes to. */
  jobsApi(): JobsApi {
    return new RemoteJobsApi(this);
  }

  /** Closes the connection, also that of the clients made from this one. Calls without an answer are rejected. Twice is once. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  // The methods of a service are public ones of Go: their first letter is a capital.
  #nameOf(method: string): string {
    return this.#prefix === '' ? method : `${this.#prefix}.${method.charAt(0).toUpperCase()}${method.slice(1)}`;
  }
}
