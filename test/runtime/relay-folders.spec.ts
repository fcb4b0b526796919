import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { basename, join } from 'node:path';
import { makeRelayFolder, RELAY_SOCKET, sweepRelayFolders } from '../../lib/runtime/relay-folders.js';
import { createTempFolder } from '../support/temp-folder.js';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

function listenIn(folder: string): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(join(folder, RELAY_SOCKET), () => resolve(server));
    servers.push(server);
  });
}

describe('The folder of a private relay', () => {
  it('is open to its user alone', () => {
    expect(statSync(makeRelayFolder(createTempFolder())).mode & 0o777).toBe(0o700);
  });

  it('stays while its kernel listens', async () => {
    const parent = createTempFolder();
    const folder = makeRelayFolder(parent);
    await listenIn(folder);
    expect(await sweepRelayFolders(parent)).toBe(0);
    expect(readdirSync(parent)).toEqual([basename(folder)]);
  });

  it('stays while its kernel is about to listen', async () => {
    const parent = createTempFolder();
    const folder = makeRelayFolder(parent);
    expect(await sweepRelayFolders(parent)).toBe(0);
    expect(readdirSync(parent)).toEqual([basename(folder)]);
  });

  it('stays when it is another machine’s, or only looks like one', async () => {
    const parent = createTempFolder();
    const folder = makeRelayFolder(parent);
    const prefix = basename(folder).slice(0, -6);
    const names = ['nrr-00000000-abcdef', `${prefix}abcdefg`, `${prefix}file00`, `${prefix}link00`, `${prefix}plain0`];
    mkdirSync(join(parent, names[0]!));
    mkdirSync(join(parent, names[1]!));
    writeFileSync(join(parent, names[2]!), '');
    symlinkSync(folder, join(parent, names[3]!));
    mkdirSync(join(parent, names[4]!));
    writeFileSync(join(parent, names[4]!, RELAY_SOCKET), 'no socket');
    expect(await sweepRelayFolders(parent)).toBe(0);
    expect(readdirSync(parent).sort()).toEqual([...names, basename(folder)].sort());
  });

  it('that cannot be looked into keeps nobody from the others', async () => {
    const missing = join(createTempFolder(), 'missing');
    expect(await sweepRelayFolders(missing)).toBe(0);
    const parent = createTempFolder();
    const closed = makeRelayFolder(parent);
    chmodSync(closed, 0o000);
    expect(await sweepRelayFolders(parent)).toBe(0);
    chmodSync(closed, 0o700);
  });
});
