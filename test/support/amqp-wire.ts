/*
 * As much of AMQP 0-9-1 as shows what the broker really gives to a consumer: widths of numbers and kinds of bytes, which clients of Node hide.
 *
 *   frame           type u8 | channel u16 | size u32 | payload | 0xCE
 *   content header  (type 2) class u16 | weight u16 | body size u64 | flags u16 | content_type shortstr | headers table | delivery_mode u8 …
 *   table           length u32 | { name shortstr | tag u8 | value }
 */
import { connect, createServer, type AddressInfo } from 'node:net';

/** A field with its tag: `['I', 5]`. 64-bit numbers are bigints, byte arrays hex. */
export type TypedField = readonly [tag: string, value: unknown];
export type TypedTable = Readonly<Record<string, TypedField>>;

export interface ContentHeader {
  readonly contentType: string | undefined;
  readonly deliveryMode: number | undefined;
  readonly headers: TypedTable;
}

/** What the broker says, as it passes by. */
export interface WireTap {
  readonly url: string;
  /** Headers of the messages that the broker has sent so far. */
  messages(): ContentHeader[];
  close(): Promise<void>;
}

/** A port that passes everything on and keeps what the broker sends. */
export async function tapWire(brokerUrl: string): Promise<WireTap> {
  const target = new URL(brokerUrl);
  const chunks: Buffer[] = [];
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((client) => {
    const broker = connect(Number(target.port), target.hostname);
    for (const socket of [client, broker]) sockets.add(socket.on('error', () => {}));
    broker.on('data', (chunk) => chunks.push(chunk));
    client.pipe(broker).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(brokerUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    messages: () => contentHeaders(Buffer.concat(chunks)),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Reads a table with its length. */
export function readTable(bytes: Buffer): TypedTable {
  return new Reader(bytes).table();
}

/** The same table as amqplib takes it. */
export function forAmqplib(table: TypedTable): Record<string, unknown> {
  const types: Readonly<Record<string, string>> = { I: 'int32', l: 'int64' };
  return Object.fromEntries(
    Object.entries(table).map(([name, [tag, value]]) => {
      if (tag === 'x') return [name, Buffer.from(value as string, 'hex')];
      return [name, types[tag] === undefined ? value : { '!': types[tag], value }];
    }),
  );
}

function contentHeaders(bytes: Buffer): ContentHeader[] {
  const found: ContentHeader[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(at + 3);
    if (at + 8 + size > bytes.length) break;
    if (bytes[at] === 2) found.push(contentHeader(bytes.subarray(at + 7, at + 7 + size)));
    at += 8 + size;
  }
  return found;
}

function contentHeader(payload: Buffer): ContentHeader {
  const flags = payload.readUInt16BE(12);
  const reader = new Reader(payload.subarray(14));
  const contentType = flags & 0x8000 ? reader.shortText() : undefined;
  if (flags & 0x4000) reader.shortText();
  const headers = flags & 0x2000 ? reader.table() : {};
  return { contentType, headers, deliveryMode: flags & 0x1000 ? reader.byte() : undefined };
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.#bytes[this.#at++]!;
  }

  shortText(): string {
    return this.#take(this.byte()).toString();
  }

  table(): TypedTable {
    const end = this.#bytes.readUInt32BE(this.#at) + this.#at + 4;
    this.#at += 4;
    const fields: Record<string, TypedField> = {};
    while (this.#at < end) fields[this.shortText()] = this.#field();
    return fields;
  }

  #field(): TypedField {
    const tag = String.fromCharCode(this.byte());
    switch (tag) {
      case 'S':
        return [tag, this.#long().toString()];
      case 'x':
        return [tag, this.#long().toString('hex')];
      case 't':
        return [tag, this.byte() !== 0];
      case 'b':
        return [tag, this.#take(1).readInt8()];
      case 'I':
        return [tag, this.#take(4).readInt32BE()];
      case 'l':
        return [tag, this.#take(8).readBigInt64BE()];
      case 'A':
      case 'F':
        return [tag, this.#long().toString('hex')];
      default:
        throw new Error(`The tag "${tag}" is not read here.`);
    }
  }

  #long(): Buffer {
    const length = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return this.#take(length);
  }

  #take(length: number): Buffer {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
