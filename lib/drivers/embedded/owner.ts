import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, join, relative } from 'node:path';
import { FileInUseError, JobsPathError } from '../../contract/storage-errors.js';
import type { LmdbDatabase } from '../../files/lmdb-file.js';
import { metaKey } from './key.js';

const OWNER = metaKey('owner');
/** What the systems allow for the path of a socket, with some room. Unit: bytes. */
const MAX_SOCKET_PATH = 100;
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * Owns a file for as long as this process lives. The owner listens on a socket beside the file, whose name stands in the
 * file; the system closes it when the process dies, however it dies. A pid would mean nothing: in containers it is
 * always 1.
 */
export class FileOwner {
  readonly #database: LmdbDatabase;
  readonly #server: Server;
  readonly #token: Buffer;
  readonly #socket: string;

  private constructor(database: LmdbDatabase, server: Server, token: Buffer, socket: string) {
    this.#database = database;
    this.#server = server;
    this.#token = token;
    this.#socket = socket;
  }

  /** @throws FileInUseError when a living process owns it. */
  static async claim(database: LmdbDatabase, file: string): Promise<FileOwner> {
    const token = randomBytes(8);
    const socket = socketOf(file, token);
    const server = await listen(socket, file);
    const owner = new FileOwner(database, server, token, socket);
    try {
      for (;;) {
        const before = database.get(OWNER);
        const last = before === undefined ? undefined : Buffer.from(before);
        if (last !== undefined && (await isAlive(socketOf(file, last)))) throw new FileInUseError(file);
        if (owner.#take(last)) {
          if (last !== undefined) rmSync(socketOf(file, last), { force: true });
          return owner;
        }
      }
    } catch (error) {
      await owner.#closeServer();
      throw error;
    }
  }

  async release(): Promise<void> {
    try {
      this.#database.transactionSync(() => {
        const current = this.#database.get(OWNER);
        if (current !== undefined && this.#token.equals(current)) void this.#database.remove(OWNER);
      });
    } catch {
      // The disk is full: the mark of an owner whose socket is closed keeps nobody out.
    }
    await this.#closeServer();
  }

  // Of several that found the last owner dead, one wins the transaction; the others begin anew and meet the winner.
  #take(last: Buffer | undefined): boolean {
    return this.#database.transactionSync(() => {
      const current = this.#database.get(OWNER);
      const isUnchanged = last === undefined ? current === undefined : current !== undefined && last.equals(current);
      if (isUnchanged) void this.#database.put(OWNER, this.#token);
      return isUnchanged;
    });
  }

  #closeServer(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        if (process.platform !== 'win32') rmSync(this.#socket, { force: true });
        resolve();
      });
    });
  }
}

function socketOf(file: string, token: Buffer): string {
  const name = `${basename(file)}.${token.toString('hex')}.s`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\nrr-${name}`;
  const absolute = join(dirname(file), name);
  const short = relative(process.cwd(), absolute);
  return Buffer.byteLength(short) < Buffer.byteLength(absolute) ? short : absolute;
}

function listen(socket: string, file: string): Promise<Server> {
  if (process.platform !== 'win32' && Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    return Promise.reject(
      new JobsPathError(
        file,
        `Its lock is a socket, whose path may have ${MAX_SOCKET_PATH} bytes and has ${Buffer.byteLength(socket)}. Use a shorter "dataDir".`,
      ),
    );
  }
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.on('error', reject); // later ones are of connections that could not be accepted: who asks takes a silent owner for alive
    server.listen(socket, () => {
      server.unref();
      resolve(server);
    });
  });
}

function isAlive(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const end = (isUp: boolean): void => {
      connection.destroy();
      resolve(isUp);
    };
    connection.once('connect', () => end(true));
    // Nobody listens. All else says nothing of the owner: that of a frozen one with a full queue is EAGAIN.
    connection.once('error', ({ code }: NodeJS.ErrnoException) => end(code !== 'ENOENT' && code !== 'ECONNREFUSED'));
    // A frozen owner still holds the socket: it is alive.
    connection.setTimeout(CONNECT_TIMEOUT_MS, () => end(true));
  });
}
