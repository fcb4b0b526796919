import { connect, type Socket } from 'node:net';

/** What beanstalkd answered: the line, and the body behind it where there is one. */
export interface RawReply {
  readonly line: string;
  readonly body: Buffer;
}

/** A client of beanstalkd that shares nothing with the driver: one command at a time. Commands and bodies are sent as they are. */
export interface RawBeanstalk {
  ask(command: string, body?: Uint8Array): Promise<RawReply>;
  /** The numbers of a `stats-…`, by name. */
  stats(command: string): Promise<Readonly<Record<string, number>>>;
  /** Puts a body; answers the number of the job. */
  put(tube: string, body: Uint8Array, options?: { readonly priority?: number; readonly delay?: number; readonly ttr?: number }): Promise<number>;
  close(): void;
}

/** A connection of a test. */
export function rawBeanstalk({ host, port }: { readonly host: string; readonly port: number }): Promise<RawBeanstalk> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.once('error', reject);
    socket.once('connect', () => resolve(new RawConnection(socket)));
  });
}

class RawConnection implements RawBeanstalk {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #look: (() => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#look?.();
    });
  }

  ask(command: string, body?: Uint8Array): Promise<RawReply> {
    const reply = this.#last.then(() => this.#exchange(command, body));
    this.#last = reply.catch(() => {});
    return reply;
  }

  async stats(command: string): Promise<Readonly<Record<string, number>>> {
    const { line, body } = await this.ask(command);
    if (!line.startsWith('OK')) throw new Error(`beanstalkd answered "${line}" to "${command}".`);
    return Object.fromEntries([...body.toString().matchAll(/^([\w-]+): (\d+)$/gmu)].map(([, name, value]) => [name, Number(value)]));
  }

  async put(tube: string, body: Uint8Array, { priority = 0, delay = 0, ttr = 60 } = {}): Promise<number> {
    await this.ask(`use ${tube}`);
    const { line } = await this.ask(`put ${priority} ${delay} ${ttr} ${body.byteLength}`, body);
    const [, id] = /^INSERTED (\d+)$/u.exec(line) ?? [];
    if (id === undefined) throw new Error(`beanstalkd answered "${line}" to a put.`);
    return Number(id);
  }

  close(): void {
    this.#socket.destroy();
  }

  #exchange(command: string, body: Uint8Array | undefined): Promise<RawReply> {
    return new Promise((resolve) => {
      this.#look = () => {
        const reply = this.#cut();
        if (reply !== undefined) resolve(reply);
      };
      this.#socket.write(body === undefined ? `${command}\r\n` : Buffer.concat([Buffer.from(`${command}\r\n`), body, Buffer.from('\r\n')]));
    });
  }

  #cut(): RawReply | undefined {
    const end = this.#received.indexOf('\r\n');
    if (end === -1) return undefined;
    const line = this.#received.toString('latin1', 0, end);
    const length = /^(?:(?:RESERVED|FOUND) \d+|OK) (\d+)$/u.exec(line)?.[1];
    const bodyEnd = end + 2 + Number(length ?? -2) + 2;
    if (this.#received.length < bodyEnd) return undefined;
    const body = length === undefined ? Buffer.alloc(0) : Buffer.from(this.#received.subarray(end + 2, bodyEnd - 2));
    this.#received = this.#received.subarray(bodyEnd);
    return { line, body };
  }
}
