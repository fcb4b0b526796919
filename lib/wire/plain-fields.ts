import { AnswerError } from './answer-error.js';

/** Standard base64 with its padding, as Go reads it. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * The fields of a message that came as JSON or MessagePack. A name is found however it is written: `auto_ack` in JSON,
 * `AutoAck` in MessagePack, in any case, as Go looks them up. What is absent or null is zero, what is unknown is ignored.
 *
 * Every method throws {@link AnswerError} when the value has another type.
 */
export class PlainFields {
  readonly #codec: string;
  readonly #message: string;
  readonly #values = new Map<string, unknown>();

  /**
   * @param codec - `json` or `msgpack`, for errors.
   * @param message - Its name, for errors.
   */
  constructor(value: unknown, codec: string, message: string) {
    this.#codec = codec;
    this.#message = message;
    if (value === undefined || value === null) return;
    if (typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array) throw this.#unexpected(value, '', 'struct');
    const fields = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(fields)) this.#values.set(simple(name), fields[name]);
  }

  text(name: string): string {
    return this.#textOf(this.#get(name), name) ?? '';
  }

  flag(name: string): boolean {
    const value = this.#get(name) ?? false;
    if (typeof value === 'boolean') return value;
    throw this.#unexpected(value, name, 'bool');
  }

  /** A safe integer: what is larger has lost digits already. */
  integer(name: string): number {
    const value = this.#get(name) ?? 0;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    throw this.#unexpected(value, name, 'int64');
  }

  /** Base64 in JSON. */
  bytes(name: string): Uint8Array {
    const value = this.#get(name) ?? '';
    if (value instanceof Uint8Array) return Uint8Array.prototype.slice.call(value);
    if (typeof value !== 'string') throw this.#unexpected(value, name, '[]uint8');
    if (this.#codec === 'msgpack') return Buffer.from(value);
    if (value.length % 4 !== 0 || !BASE64.test(value)) throw new AnswerError(`${this.#codec}: illegal base64 data in ${this.#message}.${name}`);
    return Buffer.from(value, 'base64');
  }

  texts(name: string): string[] {
    return this.list(name).map((item) => this.#textOf(item, name) ?? '');
  }

  list(name: string): readonly unknown[] {
    const value = this.#get(name) ?? [];
    if (Array.isArray(value)) return value as readonly unknown[];
    throw this.#unexpected(value, name, 'slice');
  }

  /** The pairs of a map whose keys are text. */
  map(name: string): readonly (readonly [string, unknown])[] {
    const value = this.#get(name) ?? {};
    if (typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)) return Object.entries(value);
    throw this.#unexpected(value, name, 'map');
  }

  textMap(name: string): Record<string, string> {
    const texts = Object.create(null) as Record<string, string>;
    for (const [key, value] of this.map(name)) texts[key] = this.#textOf(value, name) ?? '';
    return texts;
  }

  message(name: string, message: string): PlainFields {
    return new PlainFields(this.#get(name), this.#codec, message);
  }

  messages(name: string, message: string): PlainFields[] {
    return this.list(name).map((item) => new PlainFields(item, this.#codec, message));
  }

  messageMap(name: string, message: string): (readonly [string, PlainFields])[] {
    return this.map(name).map(([key, value]) => [key, new PlainFields(value, this.#codec, message)] as const);
  }

  /** Null counts as absent. */
  #get(name: string): unknown {
    return this.#values.get(simple(name)) ?? undefined;
  }

  #textOf(value: unknown, name: string): string | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    throw this.#unexpected(value, name, 'string');
  }

  #unexpected(value: unknown, name: string, type: string): AnswerError {
    const where = name === '' ? this.#message : `${this.#message}.${name}`;
    return new AnswerError(`${this.#codec}: cannot unmarshal ${kindOf(value)} into Go struct field ${where} of type ${type}`);
  }
}

function simple(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number' || typeof value === 'bigint') return `number ${value}`;
  return value instanceof Uint8Array ? 'bytes' : typeof value;
}
