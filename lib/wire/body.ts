import { AnswerError } from './answer-error.js';
import { FrameFlag } from './frame.js';
import { encodeJson, parseJson, unexpectedJson, type GoValue } from './go-json.js';
import { readGobFlag, readGobText, writeGobFlag, writeGobText, writeGobTexts } from './gob.js';
import { decodeMsgpack, encodeMsgpack } from './msgpack.js';
import { PlainFields } from './plain-fields.js';

// What a method makes of the codec of its call (recorded: test/fixtures/goridge/rpc-codecs.json). Methods of `jobs` and `status` take
// protobuf messages, those of `informer`, `resetter` and `rpc` plain values of Go. The answer has the codec of the request.

/** Raw answers are bytes; the server knows no other. */
const NO_RAW = 'unknown Raw payload type';
/** A plain value has no protobuf form. A real server ends its process when the body is empty, too. */
const NO_PROTO = 'goridge_read_request_body: message type is not a proto';

/** How one value of Go is written. */
export interface PlainAnswer {
  readonly json: GoValue;
  /** Names of fields are those of the Go struct. Default: that of JSON. */
  readonly msgpack?: unknown;
  readonly gob: () => Uint8Array;
}

/** How one protobuf message is written; `undefined` is left out in JSON. */
export interface MessageAnswer {
  readonly proto: () => Uint8Array;
  readonly json: GoValue;
  /** Names of fields are those of the Go struct; all of them are there. */
  readonly msgpack: unknown;
}

/** The argument of a method that takes true or false. An empty body is false. */
export function readFlag(body: Uint8Array, codec: number): boolean {
  if (codec === FrameFlag.gob) return readGobFlag(body);
  const value = readPlain(body, codec, 'bool') ?? false;
  if (typeof value === 'boolean') return value;
  throw codec === FrameFlag.json ? unexpectedJson(body) : new AnswerError('msgpack: invalid code decoding bool');
}

/** The argument of a method that takes a text. An empty body is an empty text. */
export function readText(body: Uint8Array, codec: number): string {
  if (codec === FrameFlag.gob) return readGobText(body);
  const value = readPlain(body, codec, 'string') ?? '';
  if (typeof value === 'string') return value;
  throw codec === FrameFlag.json ? unexpectedJson(body) : new AnswerError('msgpack: invalid code decoding string/bytes length');
}

export function writePlain(answer: PlainAnswer, codec: number): Uint8Array {
  if (codec === FrameFlag.json) return encodeJson(answer.json);
  if (codec === FrameFlag.gob) return answer.gob();
  if (codec === FrameFlag.msgpack) return encodeMsgpack(answer.msgpack ?? answer.json);
  throw new AnswerError(codec === FrameFlag.raw ? NO_RAW : NO_PROTO);
}

export function writeFlag(flag: boolean, codec: number): Uint8Array {
  return writePlain({ json: flag, gob: () => writeGobFlag(flag) }, codec);
}

export function writeText(text: string, codec: number): Uint8Array {
  return writePlain({ json: text, gob: () => writeGobText(text) }, codec);
}

export function writeTexts(texts: readonly string[], codec: number): Uint8Array {
  return writePlain({ json: texts, gob: () => writeGobTexts(texts) }, codec);
}

/**
 * The fields of a protobuf message that came in another codec. An empty body is the empty message.
 *
 * @param message - Its name, for errors.
 * @param expected - What its first field is, in the words of Go: what an end in the middle is said to have met.
 */
export function readFields(body: Uint8Array, codec: number, message: string, expected: string): PlainFields {
  if (codec === FrameFlag.json) return new PlainFields(body.length === 0 ? undefined : parseJson(body, expected), 'json', message);
  if (codec === FrameFlag.msgpack) return new PlainFields(body.length === 0 ? undefined : decodeMsgpack(body), 'msgpack', message);
  throw refusedMessage(codec);
}

export function writeMessage(answer: MessageAnswer, codec: number): Uint8Array {
  if (codec === FrameFlag.proto) return answer.proto();
  if (codec === FrameFlag.json) return encodeJson(answer.json);
  if (codec === FrameFlag.msgpack) return encodeMsgpack(answer.msgpack);
  throw refusedMessage(codec);
}

function refusedMessage(codec: number): AnswerError {
  return new AnswerError(codec === FrameFlag.raw ? NO_RAW : 'gob: this method takes protobuf, JSON or MessagePack');
}

function readPlain(body: Uint8Array, codec: number, expected: string): unknown {
  if (codec === FrameFlag.proto) throw new AnswerError(NO_PROTO);
  if (codec === FrameFlag.raw || body.length === 0) return undefined;
  return codec === FrameFlag.json ? parseJson(body, expected) : decodeMsgpack(body);
}
