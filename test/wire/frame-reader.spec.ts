import fc from 'fast-check';
import { JobsArgumentError } from '../../lib/contract/errors.js';
import { headerCrc } from '../../lib/wire/crc32.js';
import { encodeFrame, type Frame, type FrameParts, readWord, StreamBit, writeWord } from '../../lib/wire/frame.js';
import { FrameReader } from '../../lib/wire/frame-reader.js';
import { MethodNames } from '../../lib/wire/method-names.js';
import { encodeRpcMessage, readRpcMessage } from '../../lib/wire/rpc-message.js';
import { crc32 } from './support/plain-crc.js';
import { cut, readAll } from './support/reading.js';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const byte = fc.integer({ min: 0, max: 255 });
const frameParts: fc.Arbitrary<Required<FrameParts>> = fc.record({
  flags: byte,
  stream: byte,
  options: fc.array(word, { maxLength: 10 }),
  payload: fc.uint8Array({ maxLength: 10_000, size: 'max' }),
});

describe('a frame', () => {
  it('has the bytes of the specification', () => {
    const pid = encodeFrame({ flags: 0x09, payload: Buffer.from('{"pid":11436}') });
    expect(Buffer.from(pid.subarray(0, 12)).toString('hex')).toBe('13090d0000003a6bfacb0000');
    const pong = encodeFrame({ flags: 0, stream: StreamBit.pong });
    expect(Buffer.from(pong).toString('hex')).toMatch(/^130000000000[0-9a-f]{8}0800$/);
  });

  it('has the checksum of zip over its first six bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => expect(headerCrc(bytes, 0)).toBe(crc32(bytes))));
  });

  it('is not written with eleven options', () => {
    expect(() => encodeFrame({ flags: 0, options: new Array<number>(11).fill(0) })).toThrow(JobsArgumentError);
  });

  it('keeps words of 32 bits', () => {
    const bytes = new Uint8Array(4);
    fc.assert(
      fc.property(word, (value) => {
        writeWord(bytes, 0, value);
        expect(readWord(bytes, 0)).toBe(value);
      }),
    );
  });
});

describe('a frame reader', () => {
  it('reads any frames in any chunks', () => {
    fc.assert(
      fc.property(
        fc.array(frameParts, { minLength: 1, maxLength: 5 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
        (parts, cuts) => {
          const bytes = Buffer.concat(parts.map(encodeFrame));
          const chunks = cut(
            bytes,
            cuts.map((part) => Math.floor(part * bytes.length)),
          );
          const { frames, error } = readAll(chunks);
          expect(error).toBeUndefined();
          expect(Buffer.concat(frames.map(encodeFrame)).equals(bytes)).toBe(true);
          expect(frames.map(({ payload, ...rest }) => ({ ...rest, bytes: payload.length }))).toEqual(
            parts.map(({ payload, ...rest }) => ({ ...rest, bytes: payload.length })),
          );
        },
      ),
    );
  });

  it('hands over a payload inside one chunk without a copy', () => {
    const chunk = encodeFrame({ flags: 0, options: [1, 2], payload: Buffer.from('body') });
    const frames: Frame[] = [];
    new FrameReader().read(chunk, (frame) => frames.push(frame));
    expect(frames[0].payload.buffer).toBe(chunk.buffer);
  });

  it.each([0x10, 0x11, 0x12])('takes a header word count below 3 as no options (first byte %i)', (first) => {
    const bytes = encodeFrame({ flags: 4, payload: Buffer.from('x') });
    bytes[0] = first;
    writeWord(bytes, 6, headerCrc(bytes, 0));
    expect(readAll([bytes])).toMatchObject({ frames: [{ flags: 4, options: [], payload: Uint8Array.of(0x78) }], error: undefined });
  });

  it('tolerates version 0, as RoadRunner does', () => {
    const bytes = encodeFrame({ flags: 4 });
    bytes[0] = 0x03;
    writeWord(bytes, 6, headerCrc(bytes, 0));
    expect(readAll([bytes])).toMatchObject({ frames: [{ flags: 4 }], error: undefined });
  });

  it('knows where it stands', () => {
    const reader = new FrameReader();
    const bytes = encodeFrame({ flags: 0, options: [1], payload: Buffer.from('ab') });
    const states = Array.from(bytes, (one) => {
      reader.read(Uint8Array.of(one), () => {});
      return reader.state;
    });
    expect(states).toEqual([...new Array<string>(15).fill('header'), 'payload', 'payload', 'between']);
  });
});

describe('a message of a call', () => {
  it('is read as it was written', () => {
    const parts = fc.record({
      sequence: word,
      method: fc.string({ maxLength: 100, unit: 'grapheme' }),
      codec: fc.constantFrom(0, 4, 8, 16, 32, 128),
      isError: fc.boolean(),
      body: fc.uint8Array({ maxLength: 300 }),
    });
    const names = new MethodNames();
    fc.assert(
      fc.property(parts, (message) => {
        const [frame] = readAll([encodeRpcMessage(message)]).frames;
        for (const read of [readRpcMessage(frame), readRpcMessage(frame, names), readRpcMessage(frame, names)]) {
          expect({ ...read, body: Uint8Array.from(read.body) }).toEqual({ ...message, body: Uint8Array.from(message.body) });
        }
      }),
    );
  });

  it('has the codec that RoadRunner would choose of several', () => {
    const codec = (flags: number): number =>
      readRpcMessage(readAll([encodeRpcMessage({ sequence: 1, method: 'a.B', codec: flags })]).frames[0]).codec;
    expect([0xa0, 0x28, 0x34, 0x14, 0x10, 0].map(codec)).toEqual([0x80, 0x08, 0x20, 0x04, 0x10, 0]);
  });
});

describe('the names of methods', () => {
  it('are one text for the same bytes, also when more come than are kept', () => {
    const names = new MethodNames();
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 600; index++) expect(names.read(Buffer.from(`jobs.M${index}!`), `jobs.M${index}`.length)).toBe(`jobs.M${index}`);
    }
  });

  it('give back their bytes', () => {
    const names = new MethodNames();
    expect(names.bytesOf('jobs.Größe')).toEqual(Buffer.from('jobs.Größe'));
    expect(names.bytesOf('jobs.Größe')).toBe(names.bytesOf('jobs.Größe'));
  });
});
