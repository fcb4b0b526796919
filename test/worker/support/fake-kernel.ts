import { readFileSync, readdirSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { FrameReader } from '../../../lib/wire/frame-reader.js';
import { encodeFrame, FrameFlag, type Frame } from '../../../lib/wire/frame.js';
import type { WorkerRelay } from '../../../lib/worker/relay.js';

interface RecordedFrame {
  readonly from: 'kernel' | 'worker';
  readonly worker?: number;
  readonly hex?: string;
  readonly hexParts?: readonly (string | { readonly omitted: { readonly length: number } })[];
  readonly decoded?: {
    readonly kind?: string;
    readonly context?: { readonly headers?: Readonly<Record<string, readonly string[]>> } | null;
    readonly body?: unknown;
    readonly errorText?: string;
    readonly bodyText?: string;
  };
}

/** One frame of a recording, whole. */
export interface Recorded {
  readonly from: 'kernel' | 'worker';
  readonly kind: string | undefined;
  readonly bytes: Buffer;
  readonly decoded: NonNullable<RecordedFrame['decoded']>;
}

const FOLDER = 'test/fixtures/goridge';

/** Names of recordings. */
export function recordings(pattern: RegExp): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json') && pattern.test(file))
    .map((file) => file.slice(0, -'.json'.length));
}

/** The frames of each worker process of a recording. */
export function recordedWorkers(name: string): Recorded[][] {
  const { frames } = JSON.parse(readFileSync(`${FOLDER}/${name}.json`, 'utf8')) as { frames: RecordedFrame[] };
  const workers = new Map<number, Recorded[]>();
  for (const frame of frames) {
    const worker = frame.worker ?? 1;
    const list = workers.get(worker) ?? [];
    list.push({ from: frame.from, kind: frame.decoded?.kind, bytes: bytesOf(frame), decoded: frame.decoded ?? {} });
    workers.set(worker, list);
  }
  return [...workers.values()];
}

function bytesOf({ hex, hexParts = [] }: RecordedFrame): Buffer {
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  return Buffer.concat(hexParts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : patternOf(part.omitted.length))));
}

/** The pattern of the 1 MiB payloads, as the README of the recordings has it. */
function patternOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7 + 11) & 255));
}

/** The kernel's end of a relay inside this process. */
export class FakeKernel {
  readonly relay: WorkerRelay;
  /** Frames of the worker, in order. */
  readonly frames: Frame[] = [];
  /** Writes of the worker. */
  readonly writes: Buffer[] = [];
  readonly #toWorker = new PassThrough();
  readonly #fromWorker = new PassThrough();
  readonly #reader = new FrameReader();
  #waiter: (() => void) | undefined;
  #isClosed = false;

  constructor() {
    this.relay = { address: 'test', input: this.#toWorker, output: this.#fromWorker };
    this.#fromWorker.on('data', (chunk: Buffer) => {
      this.writes.push(chunk);
      this.#reader.read(chunk, (frame) => this.frames.push({ ...frame, payload: Uint8Array.from(frame.payload) }));
      this.#waiter?.();
    });
    this.#fromWorker.once('close', () => {
      this.#isClosed = true;
      this.#waiter?.();
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get received(): Buffer {
    return Buffer.concat(this.writes);
  }

  send(...bytes: readonly Uint8Array[]): void {
    for (const one of bytes) this.#toWorker.write(one);
  }

  control(body: unknown): void {
    this.send(encodeFrame({ flags: FrameFlag.control | FrameFlag.json, payload: Buffer.from(JSON.stringify(body)) }));
  }

  job(context: Readonly<Record<string, unknown>>, body = '', number?: number): void {
    this.send(jobFrame(context, body, number));
  }

  /** As when the process of the kernel has died. */
  end(): void {
    this.#toWorker.end();
  }

  /** Waits until the worker has sent this many frames in all. */
  async answers(count: number): Promise<readonly Frame[]> {
    await this.until(() => this.frames.length >= count);
    return this.frames;
  }

  async closed(): Promise<void> {
    await this.until(() => this.#isClosed);
  }

  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await new Promise<void>((resolve) => (this.#waiter = resolve));
  }
}

/** A job as a kernel sends it. */
export function jobFrame(context: Readonly<Record<string, unknown>>, body = '', number?: number): Uint8Array {
  const header = Buffer.from(JSON.stringify({ id: 'id-1', job: 'work', driver: 'memory', headers: null, pipeline: 'first', ...context }));
  const options = number === undefined ? [header.length] : [header.length, number];
  return encodeFrame({ flags: FrameFlag.raw, options, payload: Buffer.concat([header, Buffer.from(body)]) });
}

/** The JSON of an answer. */
export function answerOf({ payload }: Frame): { type: number; data: Record<string, unknown>; nrr?: Record<string, unknown> } {
  return JSON.parse(Buffer.from(payload).toString()) as never;
}

export function textOf({ payload }: Frame): string {
  return Buffer.from(payload).toString();
}
