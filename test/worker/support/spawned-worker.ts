import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { FrameReader } from '../../../lib/wire/frame-reader.js';
import { encodeFrame, FrameFlag, type Frame } from '../../../lib/wire/frame.js';
import { jobFrame } from './fake-kernel.js';

export const SUPPORT = join(process.cwd(), 'test/worker/support');
export const DIST = pathToFileURL(join(process.cwd(), 'dist')).href;
const PRELOAD = `${DIST}/worker/preload.js`;
/** Standard input, output and error are real pipes, as a kernel in Go gives them. */
const WITH_PIPES = 'cat | { "$0" "$@" 2>&1 >&3 | cat >&2; } 3>&1 | cat';
/** Longer than any worker of these tests needs. Unit: milliseconds. */
const LIFETIME_MS = 20_000;

export interface SpawnOptions {
  /** Which of the workers of worker-process.mjs, or a program: its path. */
  readonly kind: 'consume' | 'loop' | 'late' | { readonly program: string };
  readonly preload?: boolean;
  /** Sockets are what Node makes; pipes need a shell between. */
  readonly stdio?: 'sockets' | 'pipes' | 'descriptor';
  readonly env?: NodeJS.ProcessEnv;
}

/** A worker process, and the kernel's end of its relay. */
export class SpawnedWorker {
  readonly exited: Promise<number | null>;
  readonly frames: Frame[] = [];
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #reader = new FrameReader();
  #toWorker: Writable | undefined;
  #waiter: (() => void) | undefined;
  #error: unknown;

  constructor(options: SpawnOptions) {
    const { stdio = 'sockets', preload = false } = options;
    const { kind } = options;
    const program = typeof kind === 'string' ? [join(SUPPORT, 'worker-process.mjs'), kind, DIST] : [kind.program];
    const args = [...(preload ? ['--import', PRELOAD] : []), ...program];
    const env: NodeJS.ProcessEnv = { ...process.env, RR_MODE: 'jobs', ...(stdio === 'descriptor' ? { NRR_RELAY_FD: '3' } : {}), ...options.env };
    const pipes: StdioOptions = stdio === 'descriptor' ? ['pipe', 'pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe'];
    this.#child =
      stdio === 'pipes'
        ? spawn('sh', ['-c', WITH_PIPES, process.execPath, ...args], { env, stdio: pipes })
        : spawn(process.execPath, args, { env, stdio: pipes });
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LIFETIME_MS);
    this.exited = once(this.#child, 'close').then(([code]) => {
      clearTimeout(timer);
      this.#error ??= new Error(`The worker ended with ${String(code)}.\n${this.stderr}`);
      this.#waiter?.();
      return code as number | null;
    });
    const hasSocket = env['RR_RELAY'] !== undefined && env['RR_RELAY'] !== 'pipes';
    if (!hasSocket) {
      const relay = this.#child.stdio[3] as Duplex | undefined;
      this.attach(relay ?? this.#child.stdout!, relay ?? this.#child.stdin!);
    }
    if (hasSocket || stdio === 'descriptor') this.#child.stdout!.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  attach(input: Readable, output: Writable): void {
    this.#toWorker = output.on('error', () => {});
    input.on('data', (chunk: Buffer) => {
      try {
        this.#reader.read(chunk, (frame) => this.frames.push(frame));
      } catch (error) {
        this.#error ??= error;
      }
      this.#waiter?.();
    });
  }

  send(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#toWorker!.write(frame);
  }

  job(name: string, body = '', number?: number, pipeline?: string): void {
    this.send(jobFrame({ job: name, ...(pipeline === undefined ? {} : { pipeline }) }, body, number));
  }

  control(body: unknown): void {
    this.send(encodeFrame({ flags: FrameFlag.control | FrameFlag.json, payload: Buffer.from(JSON.stringify(body)) }));
  }

  closeInput(): void {
    this.#toWorker!.end();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Waits for this many frames in all; rejects when the relay breaks or the worker ends before. */
  async answers(count: number): Promise<readonly Frame[]> {
    while (this.frames.length < count && this.#error === undefined) await new Promise<void>((resolve) => (this.#waiter = resolve));
    if (this.frames.length < count) throw this.#error;
    return this.frames;
  }
}

/** The kernel's end of a socket relay. */
export class RelayListener {
  readonly #server: Server = createServer();
  readonly #sockets: Socket[] = [];

  private constructor() {
    this.#server.on('connection', (socket) => this.#sockets.push(socket));
  }

  static async open(path?: string): Promise<RelayListener> {
    const listener = new RelayListener();
    if (path === undefined) listener.#server.listen(0, '127.0.0.1');
    else listener.#server.listen(path);
    await once(listener.#server, 'listening');
    return listener;
  }

  get address(): string {
    const address = this.#server.address();
    return typeof address === 'string' ? `unix://${address}` : `tcp://127.0.0.1:${address!.port}`;
  }

  async accept(worker: SpawnedWorker): Promise<Socket> {
    const socket = this.#sockets[0] ?? ((await once(this.#server, 'connection')) as [Socket])[0];
    worker.attach(socket, socket);
    return socket;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
