// The least that speaks goridge: a header of 12 bytes (version and words, flags, length, CRC-32 of those six bytes, two more), options of four
// bytes, payload. Nothing is checked.
const TABLE = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export const PROTO = 0x80;

/**
 * @param {number} flags
 * @param {readonly number[]} options
 * @param {readonly (string | Uint8Array)[]} parts - Of the payload.
 */
export function frame(flags, options, parts) {
  const bytes = parts.reduce((sum, part) => sum + (typeof part === 'string' ? Buffer.byteLength(part) : part.length), 0);
  const words = 3 + options.length;
  const slab = Buffer.allocUnsafe(words * 4 + bytes);
  slab[0] = 0x10 | words;
  slab[1] = flags;
  slab.writeUInt32LE(bytes, 2);
  let crc = 0xffffffff;
  for (let at = 0; at < 6; at++) crc = (TABLE[(crc ^ (slab[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  slab.writeUInt32LE(~crc >>> 0, 6);
  slab[10] = 0;
  slab[11] = 0;
  options.forEach((option, index) => slab.writeUInt32LE(option, 12 + index * 4));
  let at = words * 4;
  for (const part of parts) {
    if (typeof part === 'string') at += slab.write(part, at);
    else {
      slab.set(part, at);
      at += part.length;
    }
  }
  return slab;
}

/**
 * Cuts a stream into frames; answers the function that takes its chunks.
 *
 * @param {(options: number[], payload: Buffer) => void} onFrame
 */
export function cutter(onFrame) {
  /** @type {Buffer} */
  let rest = Buffer.alloc(0);
  return (/** @type {Buffer} */ chunk) => {
    let buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (buffer.length >= 12) {
      const head = ((buffer[0] ?? 0) & 0x0f) * 4;
      const end = head + buffer.readUInt32LE(2);
      if (buffer.length < end) break;
      const options = [];
      for (let at = 12; at < head; at += 4) options.push(buffer.readUInt32LE(at));
      onFrame(options, buffer.subarray(head, end));
      buffer = buffer.subarray(end);
    }
    rest = buffer;
  };
}
