import { encodeFrame, type Frame, FrameFlag, VERSION } from '../../lib/wire/frame.js';
import { encodeRpcMessage, readRpcMessage } from '../../lib/wire/rpc-message.js';
import { cut, readAll } from './support/reading.js';
import { recordedFrames } from './support/recordings.js';

const LARGE = 64 * 1024;
const CODECS = { proto: FrameFlag.proto, json: FrameFlag.json, gob: FrameFlag.gob, raw: FrameFlag.raw, msgpack: FrameFlag.msgpack, none: 0 } as const;

const recorded = recordedFrames();
const all = recorded.filter(({ isFrame }) => isFrame);
/** The reader refuses what the writer must never send: more than ten options. */
const frames = all.filter(({ decoded }) => decoded.options.length <= 10);
const calls = frames.filter(({ decoded }) => decoded.method !== undefined && decoded.options[1] <= decoded.payloadLength);

function only(chunks: Iterable<Uint8Array>): Frame {
  const { frames: found, error } = readAll(chunks);
  if (error !== undefined || found.length !== 1) throw error ?? new Error(`${found.length} frames instead of one`);
  return found[0];
}

describe('recordings', () => {
  it('are all there', () => {
    expect(recorded).toHaveLength(730);
    expect(recorded.filter(({ isFrame }) => !isFrame).map(({ title }) => title)).toHaveLength(3);
    expect(all.filter((frame) => !frames.includes(frame)).map(({ title }) => title)).toEqual(['rpc-crash-options #0 from client']);
    expect(calls.length).toBeGreaterThan(400);
  });

  it.each(frames)('reads $title', ({ bytes, decoded }) => {
    const frame = only([bytes]);
    expect({ ...frame, payload: frame.payload.length }).toEqual({
      flags: decoded.flags,
      stream: decoded.byte10,
      options: decoded.options,
      payload: decoded.payloadLength,
    });
  });

  it.each(frames)('writes the same bytes as $title', ({ bytes, decoded }) => {
    expect(decoded.version).toBe(VERSION);
    const { flags, stream, options, payload } = only([bytes]);
    expect(Buffer.compare(encodeFrame({ flags, stream, options, payload }), bytes)).toBe(0);
  });

  it.each(calls)('reads the call of $title and writes it again', ({ bytes, decoded }) => {
    const message = readRpcMessage(only([bytes]));
    expect(message).toMatchObject({
      sequence: decoded.seq,
      method: decoded.method,
      codec: CODECS[decoded.codec ?? 'none'],
      isError: decoded.error ?? false,
    });
    if (decoded.errorText !== undefined) expect(Buffer.from(message.body).toString()).toBe(decoded.errorText);
    const { sequence, method, isError, body } = message;
    const codec = decoded.flags & ~FrameFlag.error;
    expect(Buffer.compare(encodeRpcMessage({ sequence, method, codec, isError, body }), bytes)).toBe(0);
  });
});

/** True when the chunks hold this one frame and nothing else. Plain: an `expect` for each of 300,000 cuts would take a minute. */
function holdsOnly(chunks: Iterable<Uint8Array>, bytes: Uint8Array): boolean {
  const { frames: found, error } = readAll(chunks);
  return error === undefined && found.length === 1 && Buffer.compare(encodeFrame(found[0]), bytes) === 0;
}

describe('recordings, cut in two', () => {
  const small = frames.filter(({ bytes }) => bytes.length <= LARGE);
  const large = frames.filter(({ bytes }) => bytes.length > LARGE);

  it.each(small)('at every offset: $title', ({ bytes }) => {
    const offsets = Array.from({ length: bytes.length + 1 }, (_, offset) => offset);
    expect(offsets.filter((offset) => !holdsOnly(cut(bytes, [offset]), bytes))).toEqual([]);
  });

  it.each(small)('into single bytes: $title', ({ bytes }) => {
    expect(
      holdsOnly(
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
        bytes,
      ),
    ).toBe(true);
  });

  it('has two that are too large for every offset', () => {
    expect(large).toHaveLength(2);
  });

  it.each(large)('at each of the first 300 offsets and at every 65,521st, because each costs a copy of 1 MiB: $title', ({ bytes }) => {
    const offsets = [
      ...Array.from({ length: 300 }, (_, index) => index),
      ...Array.from({ length: Math.ceil(bytes.length / 65_521) }, (_, index) => index * 65_521),
    ];
    expect([...offsets, bytes.length - 1, bytes.length].filter((offset) => !holdsOnly(cut(bytes, [offset]), bytes))).toEqual([]);
  });

  it('gives an error of kind "cut" when the end is missing, at every offset of a call', () => {
    const { bytes } = frames.find(({ title }) => title.startsWith('rpc-php-push-ascii #0'))!;
    for (let offset = 1; offset < bytes.length; offset++) expect(readAll([bytes.subarray(0, offset)]).error?.kind).toBe('cut');
  });
});

describe('recordings that are no frames', () => {
  it.each(recorded.filter(({ isFrame }) => !isFrame))('refuses $title', ({ bytes, decoded }) => {
    const { reason } = decoded as unknown as { reason: string };
    const { frames: found, error } = readAll([bytes]);
    expect(found).toEqual([]);
    expect(error?.kind).toBe(reason === 'crc mismatch' ? 'crc' : 'noise');
  });

  it('refuses a frame of twelve options and keeps them, so that its call can be answered', () => {
    const { bytes, decoded } = all.find(({ title }) => title.startsWith('rpc-crash-options'))!;
    const { error } = readAll([bytes]);
    expect(error).toMatchObject({ kind: 'options', options: decoded.options, flags: decoded.flags });
  });

  it('refuses a method name that is longer than its payload', () => {
    const { bytes } = all.find(({ title }) => title.startsWith('rpc-crash-method-length'))!;
    expect(() => readRpcMessage(only([bytes]))).toThrow(expect.objectContaining({ kind: 'method', options: [1, 4000] }));
  });

  it.each(['rpc-broken-no-option', 'rpc-broken-one-option'])('refuses the call of %s', (name) => {
    const { bytes } = all.find(({ title }) => title.startsWith(name))!;
    expect(() => readRpcMessage(only([bytes]))).toThrow(expect.objectContaining({ kind: 'options' }));
  });
});
