import { connect, type Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { deadlineAfter, systemClock } from '../../../lib/contract/clock.js';
import type { DriverContext, DriverModule, DriverRegistry } from '../../../lib/contract/driver.js';
import { DONE_OUTCOME, type Executor, type Outcome } from '../../../lib/contract/executor.js';
import { DONE } from '../../../lib/contract/job.js';
import type { KernelAdmin, WorkerStat } from '../../../lib/contract/kernel-admin.js';
import type { OptionSpec } from '../../../lib/contract/option-spec.js';
import { DEFAULT_RPC_LIMITS } from '../../../lib/contract/settings.js';
import type { Kernel } from '../../../lib/kernel/kernel.js';
import { kernelMethods } from '../../../lib/relay/methods/kernel-methods.js';
import { RpcServer } from '../../../lib/relay/rpc-server.js';
import { createKernel } from '../../../lib/runtime/create-kernel.js';
import { encodeFrame, type Frame } from '../../../lib/wire/frame.js';
import { FrameReader } from '../../../lib/wire/frame-reader.js';
import { Inbox } from '../../support/inbox.js';

export interface RecordedRpcFrame {
  readonly n: number;
  readonly from: 'client' | 'server';
  readonly conn?: number;
  readonly bytes: Buffer;
  readonly decoded: {
    readonly seq?: number;
    readonly method?: string;
    readonly body?: unknown;
    readonly headerWords: number;
    readonly options: readonly number[];
  };
}

export interface RpcRecording {
  readonly name: string;
  readonly description: string;
  readonly config: string;
  readonly frames: readonly RecordedRpcFrame[];
}

type HexPart = string | { readonly omitted: { readonly length: number } };

export function readRpcRecording(name: string): RpcRecording {
  const recording = JSON.parse(readFileSync(`test/fixtures/goridge/${name}.json`, 'utf8')) as Omit<RpcRecording, 'frames'> & {
    frames: readonly (RecordedRpcFrame & { hex?: string; hexParts?: readonly HexPart[] })[];
  };
  const frames = recording.frames.map((frame) => ({ ...frame, bytes: Buffer.concat((frame.hexParts ?? [frame.hex!]).map(partOf)) }));
  return { ...recording, frames };
}

function partOf(part: HexPart): Buffer {
  if (typeof part === 'string') return Buffer.from(part, 'hex');
  return Buffer.from(Uint8Array.from({ length: part.omitted.length }, (_, i) => (i * 31 + (i >> 8) * 7 + 11) & 255));
}

/** One slot, as the recordings' one worker; a job stays in it until a test lets it go. */
export class OneSlot implements Executor {
  #end: ((outcome: Outcome) => void) | undefined;

  capacity(): number {
    return this.#end === undefined ? 1 : 0;
  }

  onCapacity(): void {}

  execute(): Promise<Outcome> {
    return new Promise((resolve) => (this.#end = resolve));
  }

  async release(): Promise<void> {
    const end = this.#end;
    this.#end = undefined;
    end?.(DONE_OUTCOME);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A driver that takes everything and counts nothing: the broker is elsewhere. */
function brokerDriver(queueOf: (context: DriverContext<never>) => string, options: readonly OptionSpec[] = []): () => Promise<DriverModule> {
  const capabilities = { persistent: true, connection: true, delay: true, priority: true, deadLetter: true, countsStarts: true };
  return async () => ({
    capabilities: { ...capabilities, browse: false, remove: false, promote: false, purge: false },
    options,
    createDriver: (context) => {
      let ready = false;
      const turn = (to: boolean) => async () => void (ready = to);
      return {
        push: () => DONE,
        run: turn(true),
        resume: turn(true),
        pause: turn(false),
        stop: turn(false),
        stat: async () => {
          const { pipeline, driver, priority } = context;
          return { pipeline, driver, queue: queueOf(context), active: 0, delayed: 0, reserved: 0, ready, priority };
        },
      };
    },
  });
}

const BROKERS = ['amqp', 'beanstalk', 'kafka', 'nats', 'sqs', 'pubsub', 'google_pub_sub', 'google-pub-sub'];
const DRIVERS: DriverRegistry = {
  boltdb: brokerDriver(
    () => 'push',
    [
      { name: 'file', key: 'file', type: 'text', meaning: '' },
      { name: 'prefetch', key: 'prefetch', type: 'integer', meaning: '' },
    ],
  ),
  ...Object.fromEntries(BROKERS.map((name) => [name, brokerDriver(({ pipeline }) => pipeline)])),
};

export interface RecordedKernel {
  readonly kernel: Kernel;
  readonly slot: OneSlot;
  /** Worker processes as the kernel reports them. */
  readonly workers: WorkerStat[];
  readonly address: string;
  client(): Promise<RawRpcClient>;
  close(): Promise<void>;
}

/** A kernel in the state in which the server of a recording was, behind a real server on a free port. */
export async function openRecordedKernel(
  recording: RpcRecording,
  options: { order?: readonly string[]; config?: unknown } = {},
): Promise<RecordedKernel> {
  const { jobs } = parse(recording.config) as { jobs: { pipelines?: Record<string, object>; consume?: string[] } };
  const pipelines = jobs.pipelines ?? {};
  const names = [...new Set([...(options.order ?? []), ...Object.keys(pipelines)])].filter((name) => pipelines[name] !== undefined);
  const ordered = Object.fromEntries(names.map((name) => [name, pipelines[name]]));
  const slot = new OneSlot();
  const kernel = await createKernel({ pipelines: ordered as never, consume: jobs.consume ?? [] }, { drivers: DRIVERS, executor: slot });
  await kernel.start();
  const workers: WorkerStat[] = [];
  // What the recordings ask of an administration: the workers. The rest is tested where it is used.
  const admin = {
    failed: kernel.admin.failed,
    workers: async () => workers,
    addWorker: async () => {},
    removeWorker: async () => {},
    resetWorkers: async () => {},
  } as unknown as KernelAdmin;
  const server = new RpcServer({
    settings: { listen: 'tcp://127.0.0.1:0', allowInsecure: false, limits: DEFAULT_RPC_LIMITS },
    methods: kernelMethods({ jobs: kernel, admin, version: '2025.1.15', config: () => options.config ?? {} }),
  });
  const { address, port } = await server.listen();
  const clients: RawRpcClient[] = [];
  return {
    kernel,
    slot,
    workers,
    address,
    async client() {
      const client = await RawRpcClient.connect(port!);
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await server.close(deadlineAfter(systemClock, 0));
      await kernel.close({ timeoutMs: 0, graceMs: 0 });
    },
  };
}

/** Bytes out, frames in. */
export class RawRpcClient {
  readonly #socket: Socket;
  readonly #inbox = new Inbox<Frame>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new FrameReader();
    socket.on('data', (chunk) => reader.read(chunk, (frame) => this.#inbox.put({ ...frame, payload: Uint8Array.from(frame.payload) })));
    socket.on('error', () => {});
  }

  static async connect(port: number): Promise<RawRpcClient> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawRpcClient(socket);
  }

  /** Sends one frame; answers the whole frame that comes back. */
  async exchange(bytes: Uint8Array): Promise<Buffer> {
    this.#socket.write(bytes);
    return Buffer.from(encodeFrame(await this.#inbox.next()));
  }

  close(): void {
    this.#socket.destroy();
  }
}
