// Two kernels share one queue, and one of them is killed. Every mail has to be out at the end.
import { mkdirSync, rmSync } from 'node:fs';
import { KernelProcess } from './kernel-process.js';
import { Ledger } from './ledger.js';
import { readSettings, type Settings } from './settings.js';

const { MAILS = '400' } = process.env;
/** Longer than any of the brokers keeps the jobs of a dead kernel. */
const TIME_LIMIT_MS = 60_000;
/** Pushes take less than a second, unless nobody takes them. */
const SILENCE_MS = 10_000;

if (!/^[1-9]\d*$/.test(MAILS)) throw new Error(`MAILS is "${MAILS}". Give a whole number, 1 or more.`);
const settings = readSettings(process.env);
const run = Date.now().toString(36);
const ledger = new Ledger(settings.outbox, run, Number(MAILS));
rmSync(settings.outbox, { recursive: true, force: true });
mkdirSync(settings.outbox, { recursive: true });

const PLANS = { memory: inOneProcess, embedded: oneAfterTheOther, amqp: sideBySide, beanstalk: sideBySide, sqs: sideBySide, kafka: sideBySide };

const startedAt = performance.now();
const running = new Set<KernelProcess>();
try {
  await PLANS[settings.driver](settings);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await Promise.all([...running].map((process_) => process_.stop()));
}

/** A broker: two kernels and a producer, none of which knows of the others. */
async function sideBySide({ driver, queue, brokerUrl = 'its usual port of this machine' }: Settings): Promise<void> {
  const kernels = [start('A', 'work'), start('B', 'work')];
  await Promise.all(kernels.map((kernel) => kernel.printed('ready')));
  say(`Kernel A (pid ${kernels[0]?.pid}) and kernel B (pid ${kernels[1]?.pid}) share the queue "${queue}" of ${driver}.`);
  const producer = start('producer', 'push', MAILS);
  const question = setTimeout(() => say(`No push is confirmed so far. Is there a broker for ${driver} at ${brokerUrl}?`), SILENCE_MS);
  await producer.printed('pushed').finally(() => clearTimeout(question));
  say(`A third process has pushed ${MAILS} jobs.`);
  await someAreOut();
  // Who of the two is busier: with Kafka one of them may have no partition.
  const [busy, other] = kernels.sort((a, b) => ledger.sentBy(b.name) - ledger.sentBy(a.name)) as [KernelProcess, KernelProcess];
  await kill(busy);
  await allAreOut([busy.name, other.name]);
}

/** A file has one owner at a time: the second kernel begins when the first is dead. */
async function oneAfterTheOther(): Promise<void> {
  const first = start('A', 'both', MAILS);
  await first.printed('pushed');
  say(`Kernel A (pid ${first.pid}) has pushed ${MAILS} jobs into a file and handles them.`);
  await someAreOut();
  await kill(first);
  const second = start('B', 'work');
  await second.printed('ready');
  say(`Kernel B (pid ${second.pid}) goes on with the file.`);
  await allAreOut(['A', 'B']);
}

/** Jobs in memory end with their process: nobody is killed here. */
async function inOneProcess(): Promise<void> {
  const only = start('A', 'both', MAILS);
  await only.printed('pushed');
  say(`Kernel A (pid ${only.pid}) has pushed ${MAILS} jobs into its memory and handles them.`);
  await allAreOut(['A']);
}

function start(name: string, ...args: string[]): KernelProcess {
  const process_ = new KernelProcess(name, run, ...args);
  running.add(process_);
  return process_;
}

async function someAreOut(): Promise<void> {
  if (!(await ledger.until(() => ledger.sent >= ledger.mails / 4, TIME_LIMIT_MS)))
    throw new Error(`Only ${ledger.sent} mails are out. Nobody is killed.`);
}

async function kill(kernel: KernelProcess): Promise<void> {
  await kernel.kill();
  running.delete(kernel);
  say(`kill -9 of kernel ${kernel.name}. ${ledger.reached} of ${MAILS} people have their mail.`);
}

async function allAreOut(names: readonly string[]): Promise<void> {
  const isWhole = await ledger.until(() => ledger.reached === ledger.mails, TIME_LIMIT_MS);
  const shares = names.map((name) => `${name} sent ${ledger.sentBy(name)}`).join(', ');
  if (!isWhole) throw new Error(`✘ Only ${ledger.reached} of ${MAILS} people have their mail: ${shares}.`);
  const twice = ledger.sent - ledger.reached;
  say(`✔ All ${MAILS} people have their mail after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s: ${shares}.`);
  if (twice > 0) say(`  ${twice} went out twice: they were sent when the process was killed before the acknowledgement.`);
}

function say(text: string): void {
  console.log(text);
}
