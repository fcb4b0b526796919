// An answer is a line, ended by CR LF. Three kinds have a body behind it, ended the same way:
//
//   RESERVED <id> <bytes>\r\n<body>\r\n     FOUND <id> <bytes>\r\n<body>\r\n     OK <bytes>\r\n<body>\r\n

/** One answer. */
export interface Reply {
  /** `INSERTED`, `RESERVED`, `TIMED_OUT`, … */
  readonly word: string;
  /** The first number behind the word, 0 where there is none: the id of a job. */
  readonly id: number;
  /** Lies in the bytes that were received. */
  readonly body: Buffer | undefined;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
/** A word, a tube of 200 bytes, a number. */
const MAX_LINE_BYTES = 512;
const MAX_BODY_BYTES = 1024 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/** Cuts what is received into answers. */
export class ReplyReader {
  #bytes: Buffer = NOTHING;
  #at = 0;
  #more: Buffer[] = [];
  #moreBytes = 0;
  #head: { readonly word: string; readonly id: number; readonly length: number } | undefined;

  add(chunk: Buffer): void {
    if (this.#at === this.#bytes.length && this.#moreBytes === 0) {
      this.#bytes = chunk;
      this.#at = 0;
      return;
    }
    this.#more.push(chunk);
    this.#moreBytes += chunk.length;
  }

  /**
   * The next answer; `undefined` until all of it is here.
   *
   * @throws Error when it is no answer of beanstalkd.
   */
  next(): Reply | undefined {
    if (this.#head === undefined) {
      const line = this.#line();
      if (line === undefined) return undefined;
      const word = wordOf(line);
      const [first = 0, second = 0] = numbersOf(line, word.length);
      if (word === 'RESERVED' || word === 'FOUND') this.#head = { word, id: first, length: second };
      else if (word === 'OK') this.#head = { word, id: 0, length: first };
      else return { word, id: first, body: undefined };
      if (this.#head.length > MAX_BODY_BYTES) throw new Error(`beanstalkd announced a body of ${this.#head.length} bytes.`);
    }
    const { word, id, length } = this.#head;
    // Joined once, when all of it is here: a large body comes in many chunks.
    if (this.#bytes.length - this.#at + this.#moreBytes < length + 2) return undefined;
    this.#join();
    this.#head = undefined;
    const end = this.#at + length;
    const body = this.#bytes.subarray(this.#at, end);
    if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF) throw new Error(`beanstalkd sent a body of "${word}" without its end.`);
    this.#at = end + 2;
    return { word, id, body };
  }

  #line(): Buffer | undefined {
    this.#join();
    const end = this.#bytes.indexOf(LF, this.#at);
    const length = (end === -1 ? this.#bytes.length : end) - this.#at;
    if (length > MAX_LINE_BYTES) throw new Error(`beanstalkd sent a line of over ${MAX_LINE_BYTES} bytes.`);
    if (end === -1) return undefined;
    if (length === 0 || this.#bytes[end - 1] !== CR) throw new Error('beanstalkd sent a line without CR LF.');
    const line = this.#bytes.subarray(this.#at, end - 1);
    this.#at = end + 1;
    return line;
  }

  #join(): void {
    if (this.#moreBytes === 0) return;
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), ...this.#more]);
    this.#at = 0;
    this.#more = [];
    this.#moreBytes = 0;
  }
}

/** Words of the answers that come once a job: compared, not made anew. */
const FREQUENT = ['INSERTED', 'RESERVED', 'DELETED', 'TIMED_OUT'].map((word) => ({ word, bytes: Buffer.from(word) }));

function wordOf(line: Buffer): string {
  const space = line.indexOf(SPACE);
  const length = space === -1 ? line.length : space;
  for (const { word, bytes } of FREQUENT)
    if (length === bytes.length && line[0] === bytes[0] && line.compare(bytes, 0, length, 0, length) === 0) return word;
  return line.toString('latin1', 0, length);
}

/** Decimal numbers behind the word; a tube's name is none. */
function numbersOf(line: Buffer, from: number): [number?, number?] {
  const numbers: [number?, number?] = [];
  let value = 0;
  let hasDigits = false;
  for (let index = from + 1; index <= line.length; index++) {
    const digit = index === line.length ? -1 : line[index]! - 0x30;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      hasDigits = true;
    } else {
      if (hasDigits) numbers.push(value);
      value = 0;
      hasDigits = false;
    }
  }
  return numbers;
}
