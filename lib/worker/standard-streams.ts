import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { RelayError } from '../contract/rpc-errors.js';

// Standard output carries frames: one stray byte there and the kernel kills this process. So it is taken away from everybody else before they
// can write to it.
//
//   always                          process.stdout becomes process.stderr.
//   pipes (RoadRunner, any shell)   the descriptors themselves are moved: 0 and 1 become other files, so that fs.writeSync(1), native code and
//                                   child processes that inherit them cannot reach the relay. Opening /dev/fd/N makes a second description of
//                                   a pipe, and the lowest free number is given out again.
//   sockets (Node as the kernel)    cannot be opened a second time: process.stdin is empty, and whoever writes to descriptor 1 by its number still
//                                   breaks the relay. A kernel of this library gives a descriptor of its own instead (NRR_RELAY_FD).

/** Where frames come from and go to. */
export interface FrameStreams {
  readonly input: Readable & { ref?(): unknown; unref?(): unknown };
  readonly output: Socket;
}

// On the process, not in this module: the preload and the application may have two copies of the library.
const TAKEN = Symbol.for('nestjs-roadrunner.frame-streams');

/**
 * Takes standard input and output for frames, once: later calls answer with the same streams.
 *
 * @param guard - False leaves `process.stdout` and `console` as they are.
 * @throws {@link RelayError} when they are neither pipes nor sockets: no kernel spawned this process.
 */
export function takeStandardStreams(guard = true): FrameStreams {
  const holder = process as typeof process & { [TAKEN]?: FrameStreams };
  return (holder[TAKEN] ??= openStreams(guard));
}

function openStreams(guard: boolean): FrameStreams {
  for (const fd of [0, 1] as const) {
    if (kindOf(fd) !== 'none') continue;
    throw new RelayError(
      'pipes',
      `Standard ${fd === 0 ? 'input' : 'output'} of this process is no pipe. Let a kernel start it, or set RR_RELAY to a socket.`,
    );
  }
  const input = guard && kindOf(0) === 'pipe' ? moveAway(0) : 0;
  const output = guard && kindOf(1) === 'pipe' ? moveAway(1) : 1;
  if (guard) replaceOutput();
  if (guard && input === 0) replaceInput();
  return { input: quietSocket(input, true), output: quietSocket(output, false) };
}

function kindOf(fd: 0 | 1): 'pipe' | 'socket' | 'none' {
  try {
    const stat = fstatSync(fd);
    return stat.isFIFO() ? 'pipe' : stat.isSocket() ? 'socket' : 'none';
  } catch {
    return 'none'; // It is closed.
  } finally {
    forgetStat();
  }
}

// realpathSync of Node 20 takes the last answer of stat, whoever asked, for that of the path it is at, and stops resolving links at a pipe: modules
// behind a link would be loaded twice, by two paths.
function forgetStat(): void {
  statSync(process.execPath, { throwIfNoEntry: false });
}

/** Where the pipe behind a standard descriptor is reached from here on; the descriptor itself when it cannot be moved. */
function moveAway(fd: 0 | 1): number {
  // Not blocking: a pipe that has lost its other end must not hold the process at the open.
  const moved = opened(`/dev/fd/${fd}`, (fd === 0 ? constants.O_RDONLY : constants.O_WRONLY) | constants.O_NONBLOCK);
  if (moved === undefined) return fd;
  closeSync(fd);
  // Standard error may be a socket, which does not open.
  const files = fd === 0 ? ['/dev/null'] : ['/dev/fd/2', '/dev/null'];
  files.find((file) => opened(file, fd === 0 ? constants.O_RDONLY : constants.O_WRONLY | constants.O_APPEND) !== undefined);
  return moved;
}

// No such folder, no right, a socket: whatever the reason, the other way is taken.
function opened(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags);
  } catch {
    return undefined;
  }
}

// A console that was used before holds the old stream: that one is turned away too.
function replaceOutput(): void {
  const { stdout, stderr } = process;
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  Object.defineProperty(process, 'stdout', { configurable: true, enumerable: true, get: () => process.stderr });
}

function replaceInput(): void {
  const empty = Readable.from([]);
  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: () => empty });
}

// Until somebody serves, it neither reads nor keeps the process alive.
function quietSocket(fd: number, readable: boolean): Socket {
  const socket = new Socket({ fd, readable, writable: !readable });
  socket.pause();
  socket.unref();
  return socket;
}
