import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A server that answers as a test says, for what the real one does only when it is in need. */
export interface ScriptedBeanstalk {
  readonly url: string;
  /** Commands, without their bodies, in the order in which they came. */
  readonly commands: readonly string[];
  close(): Promise<void>;
}

/** @param answer - The answer to a command, CR LF left out; a body in it is parted by CR LF. */
export function scriptedBeanstalk(answer: (command: string) => string): Promise<ScriptedBeanstalk> {
  const sockets = new Set<Socket>();
  const commands: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
      for (let end = received.indexOf('\r\n'); end !== -1; end = received.indexOf('\r\n')) {
        const command = received.slice(0, end);
        const bodyBytes = command.startsWith('put ') ? Number(command.split(' ')[4]) + 2 : 0;
        if (received.length < end + 2 + bodyBytes) return;
        received = received.slice(end + 2 + bodyBytes);
        commands.push(command);
        socket.write(`${answer(command)}\r\n`);
      }
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      const close = () =>
        new Promise<void>((closed) => {
          server.close(() => closed());
          for (const socket of sockets) socket.destroy();
        });
      resolve({ url: `tcp://127.0.0.1:${port}`, commands, close });
    });
  });
}
