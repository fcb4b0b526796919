import { resolve } from 'node:path';
import { ownProgram, type StartedProcess } from '../../lib/runtime/own-program.js';

const NODE = '/usr/bin/node';

function started(more: Partial<StartedProcess> = {}): StartedProcess {
  return { execPath: NODE, execArgv: [], argv: [NODE, '/app/main.js', '--port', '80'], env: {}, ...more };
}

describe('the program of workers', () => {
  it('is the file of this process, with its arguments', () => {
    expect(ownProgram({}, 'pool', started())).toEqual({ command: [NODE, '/app/main.js', '--port', '80'], env: {} });
  });

  it('has the flags of this process, so that a runner of TypeScript goes along', () => {
    const tsx = ['--require', '/tsx/preflight.cjs', '--import', 'file:///tsx/loader.mjs'];
    expect(ownProgram({ entry: '/app/worker.ts' }, 'pool', started({ execArgv: tsx })).command).toEqual([NODE, ...tsx, '/app/worker.ts']);
    const tsNode = ['/ts-node/dist/bin.js'];
    expect(ownProgram({}, 'pool', started({ execArgv: tsNode, argv: [NODE, '/app/main.ts'] })).command).toEqual([NODE, ...tsNode, '/app/main.ts']);
  });

  it.each([
    [['--inspect-brk=9229', '--enable-source-maps'], ['--enable-source-maps']],
    [['--inspect', '--inspect-port', '1'], []],
    [['--watch', '--watch-path', 'src', '--max-old-space-size=64'], ['--max-old-space-size=64']],
    [['-e', 'start()', '--input-type=module'], []],
    [
      ['--eval', 'start()', '--import', 'x'],
      ['--import', 'x'],
    ],
  ])('leaves out what only one process can have: %j', (execArgv, kept) => {
    expect(ownProgram({ entry: '/a.js' }, 'pool', started({ execArgv })).command).toEqual([NODE, ...kept, '/a.js']);
  });

  it('takes an entry as path or URL', () => {
    expect(ownProgram({ entry: 'dist/worker.js' }, 'pool', started()).command.at(-1)).toBe(resolve('dist/worker.js'));
    expect(ownProgram({ entry: 'file:///srv/worker.js' }, 'pool', started()).command.at(-1)).toBe('/srv/worker.js');
  });

  it('is the runner of the library for a module, which is told its URL', () => {
    const { command, env } = ownProgram({ module: 'file:///srv/app.module.js#AppModule' }, 'pool', started());
    expect(command.at(-1)).toMatch(/nest\/worker-main\.js$/);
    expect(env).toEqual({ NRR_MODULE: 'file:///srv/app.module.js#AppModule' });
    expect(ownProgram({ module: '/srv/app.module.js#AppModule' }, 'pool', started()).env).toEqual(env);
  });

  it('is refused where this process runs no file', () => {
    expect(() => ownProgram({}, 'pool', started({ argv: [NODE] }))).toThrow('pool: This process runs no file, which its workers could run.');
    expect(() => ownProgram({}, 'pool', started({ env: { JEST_WORKER_ID: '1' } }))).toThrow('runs the tests of Jest');
  });
});
