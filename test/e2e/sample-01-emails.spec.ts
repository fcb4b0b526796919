import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RunningProgram } from './support/running-program.js';

const SAMPLE = fileURLToPath(new URL('../../sample/01-emails', import.meta.url));
const MAIN = join(SAMPLE, 'dist/main.js');
const SHIPPED = join(SAMPLE, 'data/signups.csv');
const TIMEOUT_MS = 120_000;
const JOBS = ['email.welcome', 'email.tips'];
const FOUND = /Found (\d+) waiting, (\d+) delayed and (\d+) interrupted jobs? of the last run; (\d+) of 60 signups were taken\. Going on\./;
const KILLS = 2;
/** Signups on their way at once. */
const REQUESTS_AT_ONCE = 4;
/** Of a process: 8 jobs run at once, and as many may have ended whose acknowledgement is on its way to the disk. */
const MOST_UNSETTLED = 16;

interface DeliveredMail {
  readonly to: string;
  readonly headers: ReadonlyMap<string, string>;
}

describe('sample/01-emails', () => {
  const closers: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function createFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'nrr-sample-01-'));
    closers.push(() => rm(folder, { recursive: true }));
    return folder;
  }

  /** Mails, jobs and signups lie in `folder`: a second start in the same one goes on with what the first has left. */
  async function start(args: readonly string[], csv?: string, environment: Readonly<Record<string, string>> = { PORT: '0' }, folder?: string) {
    folder ??= await createFolder();
    const outbox = join(folder, 'outbox');
    const file = join(folder, 'signups.csv');
    if (csv !== undefined) await writeFile(file, csv);
    const places = { OUTBOX: outbox, DATA_DIR: join(folder, 'data') };
    const sample = new RunningProgram([process.execPath, MAIN, ...args, ...(csv === undefined ? [] : ['--csv', file])], {
      env: { PORT: undefined, ...places, ...environment },
    });
    closers.push(async () => {
      sample.kill('SIGKILL');
      await sample.ended();
    });
    return { sample, outbox };
  }

  async function serve(csv: string) {
    const started = await start([], csv);
    const [, url = ''] = await started.sample.printed(/Still serving at (\S+)\. Try:/);
    const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
      const json = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const response = await fetch(`${url}${path}`, { method, ...json });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    return { ...started, call };
  }

  it(
    'delivers the mails of the shipped thousand signups exactly as their file says',
    async () => {
      const signups = (await readFile(SHIPPED, 'utf8')).trim().split('\n').slice(1).map(signupOf);
      expect(countBy(signups, ({ expect: mood }) => mood)).toEqual({ ok: 950, 'refused-once': 40, 'refused-always': 10 });

      const { sample, outbox } = await start(['--once']);
      expect(`${await sample.ended()} ${sample.output}`).toMatch(/^0 [^]*All 1,000 signups are accounted for after/);
      expect(sample.output).toContain('1,980 mails in ');
      expect(sample.output).toContain(', 80 retries, 20 failed jobs');

      const arrived = countBy(await mailsIn(outbox), ({ to, headers }) => `${headers.get('x-job')} ${to}`);
      const expected = signups
        .filter((signup) => signup.expect !== 'refused-always')
        .flatMap(({ email }) => JOBS.map((job) => [`${job} ${email}`, 1]));
      expect(arrived).toEqual(Object.fromEntries(expected));
    },
    TIMEOUT_MS,
  );

  it(
    'goes on after kill -9, twice, and loses nobody: what arrives twice was running or was not noted yet',
    async () => {
      const moods = ['refused-once', 'refused-always', ...Array.from({ length: 10 }, () => 'ok')];
      const signups = Array.from({ length: 60 }, (_, index) => ({ email: `p${index}@example.com`, expect: moods[index % moods.length]! }));
      const csv = ['email,name,expect', ...signups.map(({ email, expect: mood }) => `${email},Pat,${mood}`), ''].join('\n');
      const folder = await createFolder();
      const run = () => start(['--once'], csv, { PORT: '0' }, folder);

      const { sample: first, outbox } = await run();
      await arrivals(outbox, 12);
      first.kill('SIGKILL');
      await first.ended();
      expect(first.output).not.toContain('Found');

      const { sample: second } = await run();
      const [, ...found] = await second.printed(FOUND);
      const [waiting, delayed, interrupted, taken] = found.map(Number) as [number, number, number, number];
      expect(waiting + delayed + interrupted).toBeGreaterThan(0);
      expect(taken).toBeGreaterThanOrEqual(12 - REQUESTS_AT_ONCE);
      const before = (await mailsIn(outbox)).length;
      await arrivals(outbox, before + 20);
      second.kill('SIGKILL');
      await second.ended();

      const { sample: last } = await run();
      expect(`${await last.ended()} ${last.output}`).toMatch(/^0 [^]*All 60 signups are accounted for after [\d.]+ s of this run\./);
      expect(last.output).toMatch(FOUND);
      const mails = await mailsIn(outbox);
      const jobs = new Map(mails.map(({ to, headers }) => [headers.get('x-job-id'), `${headers.get('x-job')} ${to}`]));
      const expected = signups.filter((signup) => signup.expect !== 'refused-always').flatMap(({ email }) => JOBS.map((job) => `${job} ${email}`));
      expect([...new Set(jobs.values())].sort()).toEqual(expected.sort());
      const failed = Number(/, (\d+) failed jobs/.exec(last.output)?.[1]);
      expect(failed).toBeGreaterThanOrEqual(JOBS.length * signups.filter((signup) => signup.expect === 'refused-always').length);

      const sentAgain = mails.length - jobs.size;
      expect(sentAgain).toBeLessThanOrEqual(KILLS * MOST_UNSETTLED);
      expect(last.output.includes('arrived twice: ')).toBe(sentAgain > 0);
      expect(jobs.size - expected.length).toBeLessThanOrEqual(KILLS * REQUESTS_AT_ONCE * JOBS.length);
    },
    TIMEOUT_MS,
  );

  it(
    'begins anew after a run that came to its end',
    async () => {
      const folder = await createFolder();
      const csv = (name: string): string => `email,name,expect\n${name}@example.com,Pat,refused-always\n${name}2@example.com,Pat,ok\n`;
      const { sample: first } = await start(['--once'], csv('ada'), { PORT: '0' }, folder);
      expect(`${await first.ended()} ${first.output}`).toMatch(/^0 [^]*2 mails in .*, 2 failed jobs/);

      const { sample: second, outbox } = await start(['--once'], csv('bob'), { PORT: '0' }, folder);
      expect(`${await second.ended()} ${second.output}`).toMatch(/^0 [^]*2 mails in .*, 2 failed jobs/);
      expect(second.output).not.toContain('Found');
      expect((await mailsIn(outbox)).map(({ to }) => to)).toEqual(['bob2@example.com', 'bob2@example.com']);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps nothing for the next start with the memory driver',
    async () => {
      const folder = await createFolder();
      const csv = 'email,name,expect\nada@example.com,Ada,ok\n';
      const environment = { PORT: '0', JOBS_DRIVER: 'memory' };
      const { sample: first, outbox } = await start(['--once'], csv, environment, folder);
      await arrivals(outbox, 1);
      first.kill('SIGKILL');
      await first.ended();

      const { sample: second } = await start(['--once'], csv, environment, folder);
      expect(`${await second.ended()} ${second.output}`).toMatch(/^0 [^]*All 1 signups are accounted for after [\d.]+ s\./);
      expect(second.output).not.toContain('Found');
      expect(await mailsIn(outbox)).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  it(
    'leaves a run on the file alone when one in memory is started beside it, and finishes it later',
    async () => {
      const folder = await createFolder();
      const csv = ['email,name,expect', ...Array.from({ length: 30 }, (_, index) => `p${index}@example.com,Pat,ok`), ''].join('\n');
      const { sample: first, outbox } = await start(['--once'], csv, { PORT: '0' }, folder);
      await arrivals(outbox, 8);
      first.kill('SIGKILL');
      await first.ended();
      const before = (await mailsIn(outbox)).length;

      const { sample: other } = await start(['--once'], csv, { PORT: '0', JOBS_DRIVER: 'memory' }, folder);
      expect(`${await other.ended()} ${other.output}`).toMatch(
        /^1 The last run kept its jobs in .+ and is not at its end\. Finish it without JOBS_DRIVER=memory/,
      );
      expect(await mailsIn(outbox)).toHaveLength(before);

      const { sample: last } = await start(['--once'], csv, { PORT: '0' }, folder);
      expect(`${await last.ended()} ${last.output}`).toMatch(/^0 [^]*All 30 signups are accounted for after/);
    },
    TIMEOUT_MS,
  );

  it(
    'sends what the job says: name, headers, and one id for all copies',
    async () => {
      const { sample, outbox } = await start(['--once'], 'email,name,expect\njo@example.com,"Ünal, ""Jo""",refused-once\n');
      expect(`${await sample.ended()} ${sample.output}`).toMatch(/^0 /);
      const mails = await mailsIn(outbox);
      expect(mails.map(({ headers }) => headers.get('x-job'))).toEqual(JOBS);
      for (const { to, headers } of mails) {
        expect([to, headers.get('x-source')]).toEqual(['jo@example.com', 'csv']);
        expect(headers.get('message-id')).toBe(`<${headers.get('x-job-id')}@sample.example.com>`);
      }
      expect(sample.output).toMatch(/refused-once\s+1 {2}refused at first, arrived once each by a retry/);
      expect(sample.output).toContain('2 mails in ');
      expect(sample.output).toContain(', 1 retry, 0 failed jobs');
    },
    TIMEOUT_MS,
  );

  it(
    'ends with status 1 and says who is not accounted for',
    async () => {
      const { sample } = await start(['--once'], 'email,name,expect\nada@example.com,Ada,ok\nno address,Bob,ok\n');
      expect(await sample.ended()).toBe(1);
      expect(sample.output).toContain('✘ 1 of 2 signups are accounted for');
      expect(sample.output).toContain('no address (ok): email.welcome arrived 0×, failed 0×; email.tips arrived 0×, failed 0×');
      expect(sample.output).toMatch(/Not taken by POST \/signup \(1\):\n\s+no address: 400 .*email must be an email/);
    },
    TIMEOUT_MS,
  );

  it(
    'lists failed jobs and replays one, then all, when the mail server takes them',
    async () => {
      const { call, outbox, sample } = await serve('email,name,expect\nfull@example.com,Full,refused-always\n');
      const { body } = await call('GET', '/failed-jobs');
      const jobs = body['jobs'] as { id: string; job: string }[];
      expect(body).toMatchObject({
        total: 2,
        jobs: [
          { job: 'email.tips', to: 'full@example.com', attempts: 3, error: expect.stringContaining('452 4.2.2 The mailbox is full') as string },
          { job: 'email.welcome', to: 'full@example.com', attempts: 3 },
        ],
      });
      expect(await mailsIn(outbox)).toEqual([]);

      expect(await call('POST', '/failed-jobs/unknown/replay')).toMatchObject({
        status: 404,
        body: { message: expect.stringContaining('"unknown"') as string },
      });
      expect(await call('POST', '/mail-server/accept-all')).toEqual({ status: 200, body: { released: 1 } });
      const welcome = jobs.find(({ job }) => job === 'email.welcome')!;
      expect(await call('POST', `/failed-jobs/${welcome.id}/replay`)).toEqual({ status: 202, body: { replayed: 1, errors: [] } });
      expect((await arrivals(outbox, 1)).map(({ headers }) => headers.get('x-job'))).toEqual(['email.welcome']);

      expect(await call('POST', '/failed-jobs/replay')).toEqual({ status: 202, body: { replayed: 1, errors: [] } });
      expect(countBy(await arrivals(outbox, 2), ({ to, headers }) => `${headers.get('x-job')} ${to}`)).toEqual({
        'email.welcome full@example.com': 1,
        'email.tips full@example.com': 1,
      });
      expect((await call('GET', '/failed-jobs')).body).toEqual({ total: 0, jobs: [] });
      sample.kill('SIGTERM');
      await sample.ended();
    },
    TIMEOUT_MS,
  );

  it(
    'takes signups by hand, and refuses those that are none',
    async () => {
      const { call, outbox } = await serve('email,name,expect\n');
      expect(await call('POST', '/signup', { email: 'nobody', name: '' })).toMatchObject({
        status: 400,
        body: { message: ['email must be an email', 'name must be longer than or equal to 1 characters'] },
      });
      const { status, body } = await call('POST', '/signup', { email: 'you@example.com', name: 'You' });
      expect(status).toBe(202);
      const ids = Object.values(body['jobs'] as Record<string, string>);
      const mails = await arrivals(outbox, 2);
      expect(mails.map(({ headers }) => headers.get('x-job-id'))).toEqual(ids);
      expect(mails.map(({ headers }) => headers.get('x-source'))).toEqual(['web', 'web']);
    },
    TIMEOUT_MS,
  );

  it(
    'takes a free port when the usual one is taken, and none but the one that is asked for',
    async () => {
      const other = createServer().on('error', () => {}); // taken by another program: just as well
      other.listen(3_000, '127.0.0.1');
      closers.push(() => other.close());
      const { sample } = await start(['--no-csv'], undefined, {});
      const [, port] = await sample.printed(/Still serving at http:\/\/127\.0\.0\.1:(\d+)\. Try:/);
      expect(Number(port)).toBeGreaterThan(0);
      expect(port).not.toBe('3000');

      const { sample: stubborn } = await start(['--no-csv'], undefined, { PORT: port! });
      expect(await stubborn.ended()).toBe(1);
      expect(stubborn.output).toContain('EADDRINUSE');
    },
    TIMEOUT_MS,
  );

  it(
    'says what is wrong with its arguments and its file',
    async () => {
      const { sample: misspelt } = await start(['--onc']);
      expect(await misspelt.ended()).toBe(1);
      expect(misspelt.output).toBe("Unknown option '--onc'\n");
      const { sample: columns } = await start(['--once'], 'mail,name\na@example.com,A\n');
      expect(await columns.ended()).toBe(1);
      expect(columns.output).toMatch(/signups\.csv has the columns "mail, name"\. It needs email, name, expect\.\n$/);
    },
    TIMEOUT_MS,
  );
});

/** Names may hold commas; the other two columns do not. */
function signupOf(line: string): { readonly email: string; readonly expect: string } {
  return { email: line.slice(0, line.indexOf(',')), expect: line.slice(line.lastIndexOf(',') + 1).trim() };
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}

async function mailsIn(folder: string): Promise<DeliveredMail[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.eml')).sort();
  return Promise.all(files.map(async (file) => mailOf(await readFile(join(folder, file), 'utf8'))));
}

function mailOf(text: string): DeliveredMail {
  const head = text.slice(0, text.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  const headers = new Map(
    head.split('\r\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { to: /<([^<>]+)>$/.exec(headers.get('to') ?? '')?.[1] ?? '', headers };
}

/** The mails as soon as there are so many. */
async function arrivals(folder: string, count: number): Promise<DeliveredMail[]> {
  for (;;) {
    const mails = existsSync(folder) ? await mailsIn(folder) : [];
    if (mails.length >= count) return mails;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
