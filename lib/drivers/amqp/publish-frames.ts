/*
 * A message as the frames that publish it (AMQP 0-9-1):
 *
 *   frame    type u8 | channel u16 | size of the payload u32 | payload | 0xCE
 *   method   (type 1) class 60 u16 | method 40 u16 | 0 u16 | exchange shortstr | routing key shortstr | 1 u8, mandatory
 *   header   (type 2) class 60 u16 | 0 u16 | size of the body u64 | flags u16 | content_type shortstr | headers table | delivery_mode u8
 *                     | priority u8, where the queue has priorities | timestamp u64
 *   body     (type 3) a part of the content; none when it is empty
 *   table    size u32 | { name shortstr | tag u8 | value }
 *
 * The fields of the table stand in message.ts. amqplib writes the same bytes (compared in a test), at three times the cost: it copies the
 * properties, walks the table by its prototype, and makes a buffer of each frame.
 */
import { CONTENT_TYPE, LEFT_HEADER, type OutgoingMessage } from './message.js';

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
/** Type, channel, size and end. */
const FRAME_BYTES = 8;
const MAX_SHORT_BYTES = 255;
/** What a message takes beside its texts, its headers and its content, at most. */
const FIXED_BYTES = 512;
/** Messages of one turn lie in one piece, as far as it goes. */
const SLAB_BYTES = 65_536;

const MANDATORY = 1;
const PERSISTENT = 2;
const FLAGS = 0x8000 + 0x2000 + 0x1000 + 0x0040;
const FLAG_PRIORITY = 0x0800;

const BASIC_PUBLISH = Buffer.from([0, 60, 0, 40, 0, 0]);
const BASIC_HEADER = Buffer.from([0, 60, 0, 0]);
const CONTENT_TYPE_BYTES = Buffer.from([CONTENT_TYPE.length, ...Buffer.from(CONTENT_TYPE)]);
const ID = fieldOf('rr_id', 'S');
const JOB = fieldOf('rr_job', 'S');
const PIPELINE = fieldOf('rr_pipeline', 'S');
const HEADERS = fieldOf('rr_headers', 'x');
const DELAY = fieldOf('rr_delay', 'I');
const PRIORITY = fieldOf('rr_priority', 'l');
const AUTO_ACK = fieldOf('rr_auto_ack', 't');
const LEFT = fieldOf(LEFT_HEADER, 'l');

/** Writes messages behind each other, until they are taken. */
export class FrameWriter {
  readonly #channel: number;
  readonly #maxFrameBytes: number;
  #slab = Buffer.alloc(0);
  #start = 0;
  #at = 0;
  readonly #full: Buffer[] = [];

  /** @param maxFrameBytes - As agreed with the broker. */
  constructor(channel: number, maxFrameBytes: number) {
    this.#channel = channel;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** @throws RangeError when a name or the headers are too large for their place; nothing of the message is written then. */
  add(message: OutgoingMessage): void {
    this.#makeRoom(sizeLimit(message, this.#maxFrameBytes));
    const before = this.#at;
    try {
      this.#method(message);
      this.#header(message);
      this.#body(message.content);
    } catch (error) {
      this.#at = before;
      throw error;
    }
  }

  /** What was written since the last time, in order. The bytes stay as they are. */
  take(): readonly Buffer[] {
    const parts = this.#full.splice(0);
    if (this.#at > this.#start) parts.push(this.#slab.subarray(this.#start, this.#at));
    this.#start = this.#at;
    return parts;
  }

  #makeRoom(bytes: number): void {
    if (this.#slab.length - this.#at >= bytes) return;
    if (this.#at > this.#start) this.#full.push(this.#slab.subarray(this.#start, this.#at));
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
    this.#start = 0;
    this.#at = 0;
  }

  #method({ exchange, routingKey }: OutgoingMessage): void {
    const start = this.#begin(METHOD);
    this.#bytes(BASIC_PUBLISH);
    this.#short(exchange);
    this.#short(routingKey);
    this.#slab[this.#at++] = MANDATORY;
    this.#end(start);
  }

  #header(message: OutgoingMessage): void {
    const { content, brokerPriority, timestamp } = message;
    const start = this.#begin(HEADER);
    this.#bytes(BASIC_HEADER);
    this.#uint64(content.length);
    const flags = brokerPriority === undefined ? FLAGS : FLAGS + FLAG_PRIORITY;
    this.#slab[this.#at++] = flags >>> 8;
    this.#slab[this.#at++] = flags & 0xff;
    this.#bytes(CONTENT_TYPE_BYTES);
    this.#table(message);
    this.#slab[this.#at++] = PERSISTENT;
    if (brokerPriority !== undefined) this.#slab[this.#at++] = brokerPriority;
    this.#uint64(timestamp);
    this.#end(start);
    const bytes = this.#at - start;
    if (bytes > this.#maxFrameBytes) {
      throw new RangeError(`Its headers take ${bytes} bytes, more than the ${this.#maxFrameBytes} of a frame that were agreed with the broker.`);
    }
  }

  #table({ id, name, pipeline, headers, delayS, priority, autoAck, leftMs }: OutgoingMessage): void {
    const start = this.#at;
    this.#at += 4;
    this.#bytes(ID);
    this.#long(id);
    this.#bytes(JOB);
    this.#long(name);
    this.#bytes(PIPELINE);
    this.#long(pipeline);
    this.#bytes(HEADERS);
    this.#uint32(headers.length);
    this.#bytes(headers);
    this.#bytes(DELAY);
    this.#uint32(delayS);
    this.#bytes(PRIORITY);
    this.#uint64(priority);
    this.#bytes(AUTO_ACK);
    this.#slab[this.#at++] = autoAck ? 1 : 0;
    if (leftMs !== undefined) {
      this.#bytes(LEFT);
      this.#uint64(leftMs);
    }
    this.#slab.writeUInt32BE(this.#at - start - 4, start);
  }

  #body(content: Buffer): void {
    const most = this.#maxFrameBytes - FRAME_BYTES;
    for (let from = 0; from < content.length; from += most) {
      const start = this.#begin(BODY);
      this.#at += content.copy(this.#slab, this.#at, from, Math.min(content.length, from + most));
      this.#end(start);
    }
  }

  #begin(type: number): number {
    const start = this.#at;
    this.#slab[this.#at++] = type;
    this.#slab[this.#at++] = this.#channel >>> 8;
    this.#slab[this.#at++] = this.#channel & 0xff;
    this.#at += 4;
    return start;
  }

  #end(start: number): void {
    this.#slab.writeUInt32BE(this.#at - start - 7, start + 3);
    this.#slab[this.#at++] = FRAME_END;
  }

  #short(text: string): void {
    const bytes = this.#slab.write(text, this.#at + 1);
    if (bytes > MAX_SHORT_BYTES)
      throw new RangeError(`"${text}" has ${bytes} bytes, more than the ${MAX_SHORT_BYTES} of an exchange or a routing key.`);
    this.#slab[this.#at] = bytes;
    this.#at += 1 + bytes;
  }

  #long(text: string): void {
    const bytes = this.#slab.write(text, this.#at + 4);
    this.#uint32(bytes);
    this.#at += bytes;
  }

  #bytes(bytes: Uint8Array): void {
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Also an int32. */
  #uint32(value: number): void {
    this.#slab[this.#at++] = value >>> 24;
    this.#slab[this.#at++] = (value >>> 16) & 0xff;
    this.#slab[this.#at++] = (value >>> 8) & 0xff;
    this.#slab[this.#at++] = value & 0xff;
  }

  /** Also an int64. */
  #uint64(value: number): void {
    this.#uint32(Math.floor(value / 2 ** 32));
    this.#uint32(value);
  }
}

/** A UTF-16 unit takes three bytes at most. */
function sizeLimit({ exchange, routingKey, id, name, pipeline, headers, content }: OutgoingMessage, maxFrameBytes: number): number {
  const texts = exchange.length + routingKey.length + id.length + name.length + pipeline.length;
  const frames = Math.ceil(content.length / (maxFrameBytes - FRAME_BYTES));
  return FIXED_BYTES + 3 * texts + headers.length + content.length + frames * FRAME_BYTES;
}

function fieldOf(name: string, tag: string): Buffer {
  return Buffer.from([name.length, ...Buffer.from(name), tag.charCodeAt(0)]);
}
