import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Test } from '@nestjs/testing';
import { InjectQueue, JobHandler, JobPayload, JobsKernel, JobsModule, JobsService, type JobsModuleOptions, type Queue } from '../../lib/index.js';
import { JobsTester, JobsTestingModule } from '../../lib/testing/index.js';
import { Inbox } from '../support/inbox.js';
import { createTempFolder } from '../support/temp-folder.js';
import { AT_ONCE, bootError, closeAll, closeLater, eventsOf, LogKeeper, nextFailed, openApp } from './support/jobs-app.js';

const SERVING = join(process.cwd(), 'test/runtime/support/serving-worker.mjs');
const VERSION = "version: '3'\n";
const MAILS = `${VERSION}jobs:\n  consume: [mails]\n  pipelines:\n    mails: { driver: memory, config: { priority: 7 } }\n`;
const TIMEOUT_MS = 60_000;

function mailParts() {
  const sent = new Inbox<string>();

  class Mails {
    constructor(@InjectQueue('mails') readonly queue: Queue) {}

    @JobHandler('mail.send', { queue: 'mails' })
    send(@JobPayload() to: string): void {
      if (to === 'nobody') throw new Error('There is no such person.');
      sent.put(to);
    }
  }
  return { Mails, sent };
}

/** A file in a folder of its own. */
function written(yaml: string, folder = createTempFolder()): { readonly file: string; readonly folder: string } {
  const file = join(folder, '.rr.yaml');
  writeFileSync(file, yaml);
  return { file, folder };
}

/** The options of `openApp`, without the pipeline and the retry that it gives. */
function optionsOf(configFile: string, beside: JobsModuleOptions = {}): JobsModuleOptions {
  return { pipelines: undefined, retry: undefined, configFile, ...beside };
}

async function openFile(yaml: string, beside: JobsModuleOptions = {}, folder = createTempFolder()) {
  const { file } = written(yaml, folder);
  const { Mails, sent } = mailParts();
  const app = await openApp({ jobs: optionsOf(file, beside), imports: [JobsModule.forFeature(['mails'])], providers: [Mails] });
  return { ...app, mails: app.app.get(Mails), sent, file, folder };
}

async function fileError(yaml: string, beside: JobsModuleOptions = {}) {
  const { file, folder } = written(yaml);
  const error = await bootError({ jobs: optionsOf(file, beside) });
  return { message: error.message.replaceAll(file, '.rr.yaml'), folder };
}

/** An environment variable during a test. */
function setVariable(name: string, value: string): void {
  process.env[name] = value;
  closeLater(async () => delete process.env[name]);
}

describe('the jobs module with a configFile', () => {
  afterEach(closeAll);

  describe('runs', () => {
    it('the jobs of the pipelines that the file consumes by its own handlers', async () => {
      const { mails, sent, jobs, log } = await openFile(MAILS);
      await mails.queue.push('mail.send', 'ada');
      expect(await sent.next()).toBe('ada');
      expect(await jobs.admin.workers()).toEqual([]);
      expect((await jobs.stat()).map(({ pipeline, driver, priority }) => [pipeline, driver, priority])).toEqual([['mails', 'memory', 7]]);
      expect(log.ours('log')).toContain('Consuming "mails".');
      expect(log.ours('warn')).toEqual([]);
    });

    it('a file that a factory names, by its path below the working directory', async () => {
      const { Mails, sent } = mailParts();
      const configFile = relative(process.cwd(), written(MAILS).file);
      const imports = [JobsModule.forRootAsync({ useFactory: () => ({ configFile }) }), JobsModule.forFeature(['mails'])];
      const app = await Test.createTestingModule({ imports, providers: [Mails] })
        .setLogger(new LogKeeper())
        .compile();
      closeLater(() => app.close());
      await app.init();
      await app.get(Mails).queue.push('mail.send', 'ada');
      expect(await sent.next()).toBe('ada');
    });

    it('nothing where the file consumes nothing, and says whose handlers wait', async () => {
      const { kernel, jobs, log } = await openFile(MAILS.replace('  consume: [mails]\n', ''));
      expect(kernel.isRunning).toBe(true);
      expect((await jobs.stat()).map(({ ready }) => ready)).toEqual([false]);
      expect(log.ours('warn')).toEqual(['Queue "mails" has handlers but is not consumed here. Add it to "consume", or resume it.']);
    });

    it('with references to the environment and included files beside the file', async () => {
      setVariable('NRRTEST_QUEUE', 'mails');
      const folder = createTempFolder();
      mkdirSync(join(folder, 'parts'));
      writeFileSync(join(folder, 'parts/rpc.yaml'), `${VERSION}rpc: { listen: 'tcp://127.0.0.1:0' }\n`);
      const yaml = `${MAILS.replace('[mails]', "['${NRRTEST_QUEUE:-others}']")}include: [parts/rpc.yaml]\n`;
      const { kernel, mails, sent } = await openFile(yaml, {}, folder);
      expect(kernel.rpcAddress).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
      await mails.queue.push('mail.send', 'ada');
      expect(await sent.next()).toBe('ada');
    });

    it('with files and sockets in the folder of the file, as serve', async () => {
      const { kernel, mails, sent, folder } = await openFile(
        `${MAILS.replace('driver: memory', 'driver: embedded')}rpc: { listen: 'unix://jobs.sock' }\n`,
      );
      await mails.queue.push('mail.send', 'ada');
      expect(await sent.next()).toBe('ada');
      expect(kernel.rpcAddress).toBe(`unix://${join(folder, 'jobs.sock')}`);
      expect(existsSync(join(folder, '.nrr/rr.db'))).toBe(true);
    });

    it('with the options of this library beside it, each relative to the working directory', async () => {
      const dataDir = createTempFolder();
      const retry = { attempts: 2, backoff: AT_ONCE };
      const beside = { retry, dataDir, failed: { store: 'memory' as const }, handlers: { 'mail.send': { timeout: '5s' } } };
      const { mails, jobs, folder } = await openFile(MAILS.replace('driver: memory', 'driver: embedded'), beside);
      const failed = await nextFailed(jobs, () => mails.queue.push('mail.send', 'nobody'));
      expect(failed.attempts).toBe(2);
      expect([existsSync(join(dataDir, 'rr.db')), existsSync(join(folder, '.nrr'))]).toEqual([true, false]);
    });

    it('with drivers of the application, whose options are checked too', async () => {
      const drivers = { own: () => import('../../lib/drivers/memory.driver.js') };
      const { mails, sent } = await openFile(MAILS.replace('driver: memory', 'driver: own'), { drivers });
      await mails.queue.push('mail.send', 'ada');
      expect(await sent.next()).toBe('ada');
    });

    it('the ticker of its section', async () => {
      const { message } = await fileError(`${MAILS}ticker: { interval: 60 }\n`);
      expect(message).toContain('server: The section is missing, and a service names no command for its workers.');
    });

    it(
      'its jobs in worker processes where the file has a server, started in its folder',
      async () => {
        const folder = createTempFolder();
        writeFileSync(join(folder, 'worker.mjs'), `import ${JSON.stringify(SERVING)};\n`);
        const server = `server: { command: ['${process.execPath}', 'worker.mjs'] }\n`;
        const yaml = `${MAILS}  pool: { num_workers: 2 }\n${server}`;
        const { mails, jobs, sent, log } = await openFile(yaml, {}, folder);
        const completed = eventsOf(jobs, 'completed');
        await mails.queue.push('work.now', 'ada');
        expect((await completed.next()).name).toBe('work.now');
        expect(sent.length).toBe(0);
        const program = JSON.stringify(`${process.execPath} worker.mjs`);
        expect(log.ours('log')).toContain(`Jobs run in 2 worker processes of ${program}, not in this one.`);
      },
      TIMEOUT_MS,
    );
  });

  describe('tells', () => {
    it('once what nobody reads, with file and line', async () => {
      const { log, file } = await openFile(`${MAILS.replace('jobs:\n', 'jobs:\n  num_poller: 3\n')}logs: { level: info }\n`);
      expect(log.ours('warn')).toEqual([
        `${file}:3 jobs.num_poller: There is no option "num_poller". Did you mean "num_pollers"? It has no effect.`,
        `${file} logs: It has no effect in an application: all lines go to the logger of Nest.`,
      ]);
    });

    it('what is wrong in the file, and does not boot', async () => {
      const { message } = await fileError(MAILS.replace('priority: 7', 'priority: 7.5').replace('jobs:\n', 'jobs:\n  timeout: never\n'));
      expect(message).toMatch(/^ {2}- \.rr\.yaml:3 jobs\.timeout: "never" is not allowed\. Give .+$/m);
      expect(message).toMatch(/^ {2}- \.rr\.yaml:6 jobs\.pipelines\.mails\.config\.priority: 7\.5 is not allowed\. Give .+$/m);
    });

    it('that there is no such file', async () => {
      const error = await bootError({ jobs: optionsOf('nowhere/.rr.yaml') });
      expect(error.message).toBe(
        'Wrong configuration of jobs.\n' +
          '  - nowhere/.rr.yaml: There is no such file. Correct "configFile", which is relative to the working directory.',
      );
    });

    it('that an included file is missing in the folder of the file', async () => {
      const { message, folder } = await fileError(`${MAILS}include: [parts.yaml]\n`);
      const reason = `Error: ENOENT: no such file or directory, open '${join(folder, 'parts.yaml')}'`;
      expect(message).toBe(`Wrong configuration of jobs.\n  - .rr.yaml:6 include[0]: "parts.yaml" cannot be read: ${reason}`);
    });

    it('that a certificate is missing in the folder of the file', async () => {
      const { message, folder } = await fileError(`${MAILS}rpc: { listen: 'tcp://127.0.0.1:0', tls: { cert: a.pem, key: b.pem } }\n`);
      expect(message).toContain(join(folder, 'a.pem'));
    });

    it.each<[string, JobsModuleOptions, string]>([
      ['pipelines', { pipelines: {} }, '"jobs.pipelines"'],
      ['consume', { consume: [] }, '"jobs.consume"'],
      ['numPollers', { numPollers: 1 }, '"jobs.num_pollers"'],
      ['pool', { pool: {} }, '"jobs.pool"'],
      ['rpc', { rpc: 'tcp://127.0.0.1:6001' }, '"rpc"'],
      ['amqp', { amqp: {} }, '"amqp"'],
    ])('that %s has no place beside it', async (key, beside, place) => {
      const { message } = await fileError(MAILS, beside);
      const reason = `It stands beside "configFile", whose file has ${place} for it. Write it there, or remove "configFile".`;
      expect(message).toBe(`Wrong configuration of jobs.\n  - ${key}: ${reason}`);
    });

    it('that services have no place beside it', async () => {
      const { message } = await fileError(MAILS, { services: [] });
      const remedy = 'Add one of your own by JobsKernel.addService(), or remove "configFile".';
      expect(message).toContain(`services: It stands beside "configFile", the sections of whose file say which services run. ${remedy}`);
    });

    it('that an option stands in both', async () => {
      const yaml = `${MAILS}  retry: { attempts: 1 }\nendure: { grace_period: 5s }\n`;
      const { message } = await fileError(yaml, { retry: { attempts: 2 }, shutdown: { timeout: 1 } });
      const [, ...lines] = message.split('\n');
      expect(lines.sort()).toEqual([
        '  - retry: The file ".rr.yaml" of "configFile" says it too, as "jobs.retry". Keep one of them.',
        '  - shutdown: The file ".rr.yaml" of "configFile" says it too, as "jobs.shutdown" or "endure.grace_period". Keep one of them.',
      ]);
    });

    it('that its path is no text', async () => {
      const error = await bootError({ jobs: { pipelines: undefined, retry: undefined, configFile: 7 as never } });
      expect(error.message).toContain('configFile: 7 is not allowed. Give the path of a .rr.yaml');
    });
  });

  describe('in the role', () => {
    it('producer pushes into the drivers of the file and opens nothing', async () => {
      const folder = createTempFolder();
      const yaml = `${MAILS.replace('driver: memory', 'driver: embedded')}rpc: { listen: 'tcp://127.0.0.1:0' }\nserver: { command: 'never' }\n`;
      const producer = await openFile(yaml, { role: 'producer' }, folder);
      await producer.mails.queue.push('mail.send', 'ada');
      expect([producer.kernel.role, producer.kernel.rpcAddress, producer.kernel.connectedTo]).toEqual(['producer', undefined, undefined]);
      expect(producer.sent.length).toBe(0);
      await producer.app.close();
      const { sent } = await openFile(yaml.replace(/server.*\n/, ''), {}, folder);
      expect(await sent.next()).toBe('ada');
    });

    it('worker reads no file', async () => {
      setVariable('RR_MODE', 'jobs');
      const imports = [JobsModule.forRoot({ configFile: 'nowhere/.rr.yaml', retry: { attempts: 2 } })];
      const app = await Test.createTestingModule({ imports }).setLogger(new LogKeeper()).compile();
      closeLater(() => app.close());
      expect(app.get(JobsKernel).role).toBe('worker');
    });

    it('kernel starts no workers in a process that is one itself', async () => {
      setVariable('RR_MODE', 'jobs');
      const { message } = await fileError(`${MAILS}server: { command: 'node main.js' }\n`, { role: 'kernel' });
      expect(message).toContain('server: This process is a worker itself, as RR_MODE says');
    });
  });

  it('is taken over by the testing kit: in memory, without processes and closed to others', async () => {
    const { Mails, sent } = mailParts();
    const { file, folder } = written(
      `${MAILS.replace('driver: memory', 'driver: embedded')}rpc: { listen: 'tcp://127.0.0.1:0' }\nserver: { command: 'never' }\n`,
    );
    const imports = [JobsModule.forRoot({ configFile: file }), JobsModule.forFeature(['mails']), JobsTestingModule.forRoot({ mode: 'inline' })];
    const app = await Test.createTestingModule({ imports, providers: [Mails] })
      .setLogger(new LogKeeper())
      .compile();
    closeLater(() => app.close());
    await app.init();
    await app.get(JobsService).queue('mails').push('mail.send', 'ada');
    expect([sent.length, app.get(JobsKernel).rpcAddress, existsSync(join(folder, '.nrr'))]).toEqual([1, undefined, false]);
    expect(app.get(JobsTester)).toBeInstanceOf(JobsTester);
  });
});
