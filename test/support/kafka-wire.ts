import { connect } from 'node:net';
import { once } from 'node:events';

// A produce request as it goes over the wire, for batches of records that were recorded. Integers are big-endian; a text is its length in 16 bits and
// its bytes.
//   int32 length of the rest | int16 key 0 | int16 version 7 | int32 correlation | text client id
//   int16 −1 (no transaction) | int16 acks −1 | int32 time limit in ms
//   int32 1 topic | text its name | int32 1 partition | int32 its number | int32 length of the batch | the batch
const PRODUCE = 0;
const VERSION = 7;
const CORRELATION = 1;
const TIME_LIMIT_MS = 10_000;

/** Stores a batch in partition 0 of a topic, byte for byte; the broker checks what is in it. */
export async function produceBatch(place: { readonly host: string; readonly port: number }, topic: string, batch: Uint8Array): Promise<void> {
  const body = Buffer.concat([
    ...[int16(PRODUCE), int16(VERSION), int32(CORRELATION), text('test')],
    ...[int16(-1), int16(-1), int32(TIME_LIMIT_MS)],
    ...[int32(1), text(topic), int32(1), int32(0), int32(batch.length), batch],
  ]);
  const socket = connect(place.port, place.host);
  try {
    socket.write(Buffer.concat([int32(body.length), body]));
    let answer = Buffer.alloc(0);
    while (answer.length < 4 || answer.length < 4 + answer.readInt32BE()) answer = Buffer.concat([answer, (await once(socket, 'data'))[0] as Buffer]);
    // int32 length | int32 correlation | int32 1 topic | text its name | int32 1 partition | int32 its number | int16 error
    const error = answer.readInt16BE(4 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4);
    if (error !== 0) throw new Error(`The broker answered the batch for "${topic}" with error ${error}.`);
  } finally {
    socket.destroy();
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}
