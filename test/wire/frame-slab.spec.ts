import { encodeFrame, FrameFlag } from '../../lib/wire/frame.js';
import { FrameSlab } from '../../lib/wire/frame-slab.js';

function taken(slab: FrameSlab): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  slab.take((bytes) => pieces.push(bytes));
  return pieces;
}

const plain = (number: number): Uint8Array => encodeFrame({ flags: 0, options: [0, number], payload: Buffer.from('body') });

describe('A slab of frames', () => {
  it('gives the frames of one turn in one piece', () => {
    const slab = new FrameSlab();
    slab.add(FrameFlag.raw, '{"id":"ü"}', Buffer.from('body'), 7);
    slab.add(0, '', 'body', undefined);
    expect(taken(slab)).toEqual([
      Buffer.concat([
        encodeFrame({ flags: FrameFlag.raw, options: [11, 7], payload: Buffer.from('{"id":"ü"}body') }),
        encodeFrame({ flags: 0, options: [0], payload: Buffer.from('body') }),
      ]),
    ]);
    expect(taken(slab)).toEqual([]);
  });

  it('keeps the order among frames that were made elsewhere', () => {
    const slab = new FrameSlab();
    const other = encodeFrame({ flags: FrameFlag.control, payload: Buffer.from('{"pid":1}') });
    slab.add(0, '', 'body', 1);
    slab.addFrame(other);
    slab.add(0, '', 'body', 2);
    expect(Buffer.concat(taken(slab))).toEqual(Buffer.concat([plain(1), other, plain(2)]));
  });

  it('never writes to what was taken', () => {
    const slab = new FrameSlab();
    slab.add(0, '', 'body', 1);
    const [first] = taken(slab);
    const before = Buffer.from(first);
    for (let number = 2; number < 5_000; number++) {
      slab.add(0, '', 'body', number);
      if (number % 50 === 0) taken(slab);
    }
    expect(Buffer.from(first)).toEqual(before);
  });

  it('takes frames of any size, whatever is in it', () => {
    const slab = new FrameSlab();
    const large = Buffer.alloc(100_000, 'x');
    slab.add(0, '', 'body', 1);
    slab.add(0, '', large, 2);
    slab.add(0, '', 'body', 3);
    const expected = [plain(1), encodeFrame({ flags: 0, options: [0, 2], payload: large }), plain(3)];
    expect(Buffer.concat(taken(slab)).equals(Buffer.concat(expected))).toBe(true);
  });
});
