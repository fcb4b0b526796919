// Goridge frames by hand: workers of these tests share nothing with the library.

export const CONTROL = 0x01;
export const ERROR = 0x40;

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/**
 * @param {string | Uint8Array} payload
 * @param {{ flags?: number, options?: readonly number[], stream?: number, version?: number, claim?: number }} [parts]
 */
export function frame(payload, { flags = 0, options = [], stream = 0, version = 1, claim } = {}) {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(12 + options.length * 4);
  head[0] = (version << 4) | (3 + options.length);
  head[1] = flags;
  head.writeUInt32LE(claim ?? body.length, 2);
  head.writeUInt32LE(crc32(head.subarray(0, 6)), 6);
  head[10] = stream;
  options.forEach((option, index) => head.writeUInt32LE(option, 12 + index * 4));
  return Buffer.concat([head, body]);
}

/**
 * Calls back for each frame of the input.
 *
 * @param {import('node:stream').Readable} input
 * @param {(frame: { flags: number, options: number[], payload: Buffer }) => void} onFrame
 */
export function readFrames(input, onFrame) {
  let pending = Buffer.alloc(0);
  input.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 12) {
      const start = (pending[0] & 15) * 4;
      const end = start + pending.readUInt32LE(2);
      if (pending.length < end) return;
      const options = [];
      for (let at = 12; at < start; at += 4) options.push(pending.readUInt32LE(at));
      const read = { flags: pending[1], options, payload: Buffer.from(pending.subarray(start, end)) };
      pending = pending.subarray(end);
      onFrame(read);
    }
  });
}
