// Go's own coding of a value, as far as a struct can hold it. A stream is a row of messages:
//
//   message     length, id of its type, then the value; a negative id is followed by the definition of the type
//   unsigned    one byte up to 127; else the negated count of bytes, then the bytes, the highest first
//   signed      unsigned, shifted by one; the lowest bit says that the rest is complemented
//   bytes       length, content; text is the same in UTF-8
//   struct      for each field that is not zero: distance to the field before, value; 0 at the end
//   map, slice  count, then pairs or values
//
// Ids below 64 are given. Those above are free, so fields are found by their names (recorded with encoding/gob of Go 1.26).

const BOOL = 1;
const INT = 2;
const UINT = 3;
const FLOAT = 4;
const BYTES = 5;
const STRING = 6;

/** What a definition of a type is, by its first field. */
const ARRAY = 1;
const SLICE = 2;
const STRUCT = 3;
const MAP = 4;

const MAX_DEPTH = 32;
const MAX_NUMBER_BYTES = 8;

export type GobValue = boolean | number | string | Uint8Array | readonly GobValue[] | Map<GobValue, GobValue> | GobStruct;

/** Fields by name; those that are zero are absent. */
export class GobStruct {
  readonly fields = new Map<string, GobValue>();

  constructor(
    /** All fields of its type. */
    readonly type: readonly GobField[],
  ) {}
}

export interface GobField {
  readonly name: string;
  readonly type: number;
}

export type GobType =
  | { readonly kind: 'struct'; readonly fields: readonly GobField[] }
  | { readonly kind: 'map'; readonly key: number; readonly element: number }
  | { readonly kind: 'list'; readonly element: number };

/** The bytes are no struct in gob. */
export class GobError extends Error {}

/**
 * The struct that a stream begins with.
 *
 * @param known - Definitions that were recognised as they are, by id, and the bytes they take: they are not read again.
 * @throws GobError when it begins with something else, or is cut.
 */
export function readGobStruct(bytes: Uint8Array, known?: { readonly types: ReadonlyMap<number, GobType>; readonly length: number }): GobStruct {
  return new GobReader(bytes, known?.types, known?.length ?? 0).struct();
}

class GobReader {
  readonly #bytes: Uint8Array;
  readonly #known: ReadonlyMap<number, GobType> | undefined;
  readonly #types = new Map<number, GobType>();
  #at: number;

  constructor(bytes: Uint8Array, known: ReadonlyMap<number, GobType> | undefined, at: number) {
    this.#bytes = bytes;
    this.#known = known;
    this.#at = at;
  }

  struct(): GobStruct {
    for (;;) {
      const end = this.#unsigned() + this.#at;
      if (end > this.#bytes.length) throw new GobError('A message is longer than the stream.');
      const id = this.#signed();
      if (id < 0) this.#define(-id);
      else return this.#topValue(id);
      if (this.#at !== end) throw new GobError('A definition does not end with its message.');
    }
  }

  #topValue(id: number): GobStruct {
    const value = this.#typeOf(id)?.kind === 'struct' ? this.#value(id, 0) : undefined;
    if (!(value instanceof GobStruct)) throw new GobError(`Type ${id} is no struct.`);
    return value;
  }

  #typeOf(id: number): GobType | undefined {
    return this.#types.get(id) ?? this.#known?.get(id);
  }

  #define(id: number): void {
    const kind = this.#unsigned();
    if (kind !== ARRAY && kind !== SLICE && kind !== STRUCT && kind !== MAP) throw new GobError(`A type of kind ${kind} is not read.`);
    let type: GobType | undefined;
    // The first field of every kind is its name and id.
    this.#fields((field) => {
      if (field === 1) this.#skipCommon();
      else if (kind === STRUCT && field === 2) type = { kind: 'struct', fields: this.#list(() => this.#fieldType()) };
      else if (kind === MAP && field === 2) type = { kind: 'map', key: this.#signed(), element: 0 };
      else if (kind === MAP && field === 3 && type?.kind === 'map') type = { ...type, element: this.#signed() };
      else if (kind !== STRUCT && kind !== MAP && field === 2) type = { kind: 'list', element: this.#signed() };
      else if (kind === ARRAY && field === 3) this.#signed();
      else throw new GobError(`A definition has the field ${field}.`);
    });
    if (this.#unsigned() !== 0) throw new GobError('A definition does not end.');
    this.#types.set(id, type ?? { kind: 'struct', fields: [] });
  }

  #skipCommon(): void {
    this.#fields((field) => {
      if (field === 1) this.#content();
      else this.#signed();
    });
  }

  #fieldType(): GobField {
    let name = '';
    let type = 0;
    this.#fields((field) => {
      if (field === 1) name = this.#text();
      else type = this.#signed();
    });
    return { name, type };
  }

  /** Calls back with the number of each field that is present, from 1. */
  #fields(read: (field: number) => void): void {
    let field = 0;
    for (let distance = this.#unsigned(); distance !== 0; distance = this.#unsigned()) read((field += distance));
  }

  #value(id: number, depth: number): GobValue {
    if (depth > MAX_DEPTH) throw new GobError(`Values lie in each other more than ${MAX_DEPTH} deep.`);
    switch (id) {
      case BOOL:
        return this.#unsigned() !== 0;
      case INT:
        return this.#signed();
      case UINT:
      case FLOAT:
        return this.#unsigned();
      case BYTES:
        return this.#content();
      case STRING:
        return this.#text();
    }
    const type = this.#typeOf(id);
    if (type === undefined) throw new GobError(`Type ${id} is not defined.`);
    if (type.kind === 'list') return this.#list(() => this.#value(type.element, depth + 1));
    if (type.kind === 'map') return new Map(this.#list(() => [this.#value(type.key, depth + 1), this.#value(type.element, depth + 1)] as const));
    const struct = new GobStruct(type.fields);
    this.#fields((number) => {
      const field = type.fields[number - 1];
      if (field === undefined) throw new GobError(`A struct has the field ${number} of ${type.fields.length}.`);
      struct.fields.set(field.name, this.#value(field.type, depth + 1));
    });
    return struct;
  }

  #list<T>(read: () => T): T[] {
    const count = this.#unsigned();
    // Each takes a byte at least: a claim costs no memory.
    if (count > this.#bytes.length - this.#at) throw new GobError(`A list claims ${count} values.`);
    return Array.from({ length: count }, read);
  }

  #text(): string {
    const { buffer, byteOffset, byteLength } = this.#content();
    return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
  }

  #content(): Uint8Array {
    const length = this.#unsigned();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new GobError(`A value claims ${length} bytes.`);
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return content;
  }

  /** Beyond 2^53 the nearest number. */
  #signed(): number {
    const value = this.#unsigned();
    const half = Math.floor(value / 2);
    return value % 2 === 0 ? half : -half - 1;
  }

  #unsigned(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = 0x100 - first;
    if (count > MAX_NUMBER_BYTES) throw new GobError(`A number claims ${count} bytes.`);
    let value = 0;
    for (let index = 0; index < count; index++) value = value * 0x100 + this.#byte();
    return value;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new GobError('The stream ends inside a value.');
    return byte;
  }
}
