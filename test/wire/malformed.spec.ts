import { FrameError } from '../../lib/contract/rpc-errors.js';
import { headerCrc } from '../../lib/wire/crc32.js';
import { encodeFrame, writeWord } from '../../lib/wire/frame.js';
import { FrameReader } from '../../lib/wire/frame-reader.js';
import { PayloadBuffer } from '../../lib/wire/payload-buffer.js';
import { heldBytes } from '../support/memory.js';
import { readAll } from './support/reading.js';

const MIB = 1024 * 1024;

/** A header with a right checksum that claims what it likes. */
function claim(payloadBytes: number, { words = 3, version = 1 } = {}): Uint8Array {
  const bytes = new Uint8Array(words * 4);
  bytes[0] = (version << 4) | words;
  writeWord(bytes, 2, payloadBytes);
  writeWord(bytes, 6, headerCrc(bytes, 0));
  return bytes;
}

describe('malformed bytes', () => {
  it.each([
    ['"Could not open input file" of PHP', 'Could not open input file: worker.php\n'],
    ['a request of HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['printed text', 'hello from console.log\n'],
  ])('are noise with an excerpt: %s', (_name, text) => {
    const { error } = readAll([Buffer.from(text)]);
    expect(error?.kind).toBe('noise');
    expect(error?.excerpt).toContain(text.slice(0, 12));
  });

  it('are noise also when they come byte by byte', () => {
    expect(readAll(Array.from(Buffer.from('Could not open input file'), (byte) => Uint8Array.of(byte))).error?.kind).toBe('noise');
  });

  it('show no control characters in the excerpt', () => {
    const { error } = readAll([Buffer.from('\u001b[31mred text and more\u0000\u0007')]);
    expect(error?.excerpt).toMatch(/^[\x20-\x7e]+$/);
  });

  it('are told by any flipped bit of the first ten bytes', () => {
    const frame = encodeFrame({ flags: 0x80, options: [1, 9], payload: Buffer.from('jobs.List') });
    for (let bit = 0; bit < 80; bit++) {
      const flipped = Uint8Array.from(frame);
      flipped[bit >> 3] ^= 1 << (bit & 7);
      expect(readAll([flipped]).error?.kind).toBe('crc');
    }
  });

  it.each([2, 7, 15])('are refused with version %i', (version) => {
    expect(readAll([claim(0, { version })]).error?.kind).toBe('version');
  });

  it.each([14, 15])('are refused with %i words of header', (words) => {
    expect(readAll([claim(0, { words })]).error).toMatchObject({ kind: 'options', options: expect.any(Array) });
  });

  it('are refused by the claimed length alone, and the limit itself is taken', () => {
    expect(readAll([claim(101)], { maxPayloadBytes: 100 }).error?.kind).toBe('size');
    expect(readAll([claim(100), new Uint8Array(100)], { maxPayloadBytes: 100 }).error).toBeUndefined();
    expect(readAll([claim(64 * MIB + 1)]).error?.kind).toBe('size');
    expect(readAll([claim(0xffff_ffff)]).error?.kind).toBe('size');
  });

  it('end the reader: what follows is not looked at', () => {
    const reader = new FrameReader();
    const good = encodeFrame({ flags: 4 });
    expect(() => reader.read(Buffer.from('no frame at all'), () => {})).toThrow(FrameError);
    expect(() => reader.read(good, () => {})).toThrow(FrameError);
    expect(() => reader.end()).toThrow(FrameError);
  });

  it('hand over the frames in front of them', () => {
    const good = encodeFrame({ flags: 4, payload: Buffer.from('x') });
    const { frames, error } = readAll([Buffer.concat([good, good, Buffer.from('then some text')])]);
    expect(frames).toHaveLength(2);
    expect(error?.kind).toBe('noise');
  });
});

describe('memory', () => {
  it('is not spent on claimed lengths', () => {
    const before = heldBytes();
    const readers = Array.from({ length: 1_000 }, () => new FrameReader({ maxPayloadBytes: 0xffff_ffff }));
    for (const reader of readers) reader.read(claim(0xffff_ffff), () => {});
    expect(heldBytes() - before).toBeLessThan(20 * MIB);
    expect(readers.every((reader) => reader.state === 'payload')).toBe(true);
  });

  it('is about as large as what came, when it comes byte by byte', () => {
    const reader = new FrameReader();
    const one = Uint8Array.of(1);
    const before = heldBytes();
    reader.read(claim(32 * MIB), () => {});
    for (let count = 0; count < 4 * MIB; count++) reader.read(one, () => {});
    expect(heldBytes() - before).toBeLessThan(16 * MIB);
    expect(reader.state).toBe('payload');
  });

  it('is one copy for a payload in many chunks', () => {
    const chunk = new Uint8Array(64 * 1024).fill(7);
    const buffer = new PayloadBuffer();
    for (let count = 0; count < 16; count++) buffer.append(chunk, 0, chunk.length);
    const before = process.memoryUsage().arrayBuffers;
    const whole = buffer.join();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThanOrEqual(1.1 * MIB);
    expect(whole.every((byte) => byte === 7)).toBe(true);
    expect(whole).toHaveLength(MIB);
  });
});
