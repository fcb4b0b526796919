import { KernelProtocolError } from '../contract/errors.js';
import type { PayloadParts } from '../contract/service.js';
import type { Frame } from '../wire/frame.js';

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/**
 * What a kernel and a worker give each other: a header that says what it is about (RoadRunner calls it the context), and a body.
 *
 * @publicApi
 */
export class Payload implements PayloadParts {
  readonly body: Uint8Array;
  readonly header: Uint8Array;

  constructor(
    body: string | Uint8Array = NOTHING,
    header: string | Uint8Array = NOTHING,
    /** False: more answers to the same request follow. The jobs of RoadRunner do not take streams. */
    readonly eos = true,
  ) {
    this.body = typeof body === 'string' ? encoder.encode(body) : body;
    this.header = typeof header === 'string' ? encoder.encode(header) : header;
  }

  /** The body as text. Bytes that are no UTF-8 become U+FFFD. */
  text(): string {
    return textOf(this.body);
  }

  /** The header as text. */
  headerText(): string {
    return textOf(this.header);
  }
}

/**
 * The payload of a frame: its first option says how long the header is.
 *
 * @throws KernelProtocolError when the option is missing or too large.
 */
export function payloadOf(frame: Frame): Payload {
  const { body, header } = partsOf(frame);
  return new Payload(body, header);
}

/** The same, without a payload around them. */
export function partsOf({ options, payload }: Frame): { readonly body: Uint8Array; readonly header: Uint8Array } {
  const [length] = options;
  if (length === undefined) throw new KernelProtocolError('a frame without the length of its context');
  if (length > payload.length) throw new KernelProtocolError(`a frame of ${payload.length} bytes that claims a context of ${length}`);
  return { body: payload.subarray(length), header: payload.subarray(0, length) };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
