import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { encodeJson, parseJson } from '../../lib/wire/go-json.js';
import { readGobFlag, readGobText, writeGobBytes, writeGobFlag, writeGobText, writeGobTexts, writeGobWorkers } from '../../lib/wire/gob.js';
import { decodeMsgpack, encodeMsgpack } from '../../lib/wire/msgpack.js';
import { readDeclare, readPipelines } from '../../lib/wire/jobs-messages.js';
import { FrameFlag } from '../../lib/wire/frame.js';

/** Bodies of a recording, by frame. */
function recordedBodies(name: string): Buffer[] {
  const { frames } = JSON.parse(readFileSync(`test/fixtures/goridge/${name}.json`, 'utf8')) as { frames: { hex: string }[] };
  return frames.map(({ hex }) => {
    const frame = Buffer.from(hex, 'hex');
    return frame.subarray((frame[0]! & 15) * 4 + frame.readUInt32LE(16));
  });
}

describe('gob', () => {
  it('reads the arguments of the rr command line', () => {
    const [list, , reset] = recordedBodies('rpc-cli-reset');

    expect([readGobFlag(list!), readGobText(reset!)]).toEqual([true, 'jobs']);
  });

  it('writes a list of workers as recorded, time and load included', () => {
    const worker = { pid: 28532, status: 1, numExecs: 0, created: 0x31d46daaa92f3c3en >> 1n, memoryUsage: 0x02b5a000 };
    const CPUPercent = Buffer.from('ed7d8febdb932540', 'hex').readDoubleLE();

    expect(writeGobWorkers([{ ...worker, CPUPercent, command: '', statusStr: 'ready' }])).toEqual(recordedBodies('rpc-cli-workers')[3]);
  });

  it('reads the texts and flags that it writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, flag) => {
        expect([readGobText(writeGobText(text)), readGobFlag(writeGobFlag(flag))]).toEqual([text, flag]);
      }),
    );
  });

  it('writes bytes and texts of any length', () => {
    expect(writeGobBytes(Buffer.alloc(200)).subarray(0, 7)).toEqual(Buffer.from('ffcc0a00ffc800', 'hex'));
    expect(writeGobTexts([])).toEqual(Buffer.concat([recordedBodies('rpc-cli-reset')[1]!.subarray(0, 12), Buffer.from('04ff800000', 'hex')]));
  });

  it('refuses any other bytes with an error of its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (bytes) => {
        try {
          expect(typeof readGobText(bytes)).toBe('string');
        } catch (error) {
          expect((error as Error).message).toMatch(/^gob: the body has /);
        }
      }),
    );
  });
});

describe('JSON', () => {
  it('escapes what Go escapes', () => {
    expect(Buffer.from(encodeJson({ a: '<b>&\u2028"\\\n' })).toString()).toBe(String.raw`{"a":"\u003cb\u003e\u0026\u2028\"\\\n"}`);
  });

  it('writes large whole numbers as numbers and leaves out what is undefined', () => {
    expect(Buffer.from(encodeJson({ a: 2n ** 64n - 1n, b: undefined, c: null, d: [true, 1.5] })).toString()).toBe(
      '{"a":18446744073709551615,"c":null,"d":[true,1.5]}',
    );
  });

  it('counts no bracket inside a text as depth', () => {
    const text = `"${'['.repeat(500)}\\"${'{'.repeat(500)}"`;

    expect(parseJson(Buffer.from(text), 'string')).toBe(JSON.parse(text));
  });

  it('gives back the plain values that it writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        expect(parseJson(encodeJson(value as never), 'value')).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('MessagePack', () => {
  it('reads what the package writes', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
        (value) => {
          expect(JSON.stringify(decodeMsgpack(encodeMsgpack(value)))).toBe(JSON.stringify(value)); // −0 is 0 in both
        },
      ),
    );
  });

  it('refuses any other bytes with an error of its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeMsgpack(bytes);
        } catch (error) {
          expect((error as Error).message).toBe('msgpack: the body cannot be decoded');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('allocates nothing for claimed counts inside one another', () => {
    const nested = Buffer.concat(Array.from({ length: 90 }, () => Buffer.from('dd00ffffff', 'hex')));

    expect(() => decodeMsgpack(Buffer.concat([nested, Buffer.alloc(1_000)]))).toThrow('msgpack: the body cannot be decoded');
  });
});

describe('protobuf', () => {
  it('keeps the key __proto__ of a Declare map as data', () => {
    const body = Buffer.concat([Buffer.from([0x0a, 14, 0x0a, 9]), Buffer.from('__proto__'), Buffer.from([0x12, 1, 0x78])]);

    expect(Object.entries(readDeclare(body, FrameFlag.proto))).toEqual([['__proto__', 'x']]);
  });

  it('refuses names that are no UTF-8', () => {
    expect(() => readPipelines(Buffer.from([0x0a, 1, 0xff]), FrameFlag.proto)).toThrow(/invalid UTF-8/);
  });
});
