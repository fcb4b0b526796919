import { readFileSync } from 'node:fs';
import { DONE_OUTCOME, type Outcome } from '../../lib/contract/executor.js';
import { JobRecord, NO_HEADERS, type Done, type Job, type JobHeaders, type Payload } from '../../lib/contract/job.js';
import {
  ACCEPTED,
  type JobsApi,
  type PipelineDeclaration,
  type PipelineStat,
  type PushOutcome,
  type PushReceipt,
} from '../../lib/contract/jobs-api.js';
import { ReceivedTask, type TaskControl } from '../../lib/client/received-task.js';

/** A kernel that writes down what it is asked and answers what the test says. */
export class ScriptedApi implements JobsApi {
  readonly calls: unknown[][] = [];
  readonly jobs: Job[] = [];
  names: string[] = [];
  stats: PipelineStat[] = [];
  onPush: (job: Job) => Promise<PushReceipt> = () => ACCEPTED;
  onPushMany: (jobs: readonly Job[]) => Promise<PushOutcome[]> = async (jobs) => jobs.map(() => ({ ok: true, receipt: {} }));
  onList: () => Promise<string[]> = async () => this.names;

  get job(): Job {
    expect(this.jobs).toHaveLength(1);
    return this.jobs[0] as Job;
  }

  push(job: Job): Promise<PushReceipt> {
    this.jobs.push(job);
    return this.onPush(job);
  }

  pushMany(jobs: readonly Job[]): Promise<PushOutcome[]> {
    this.calls.push(['pushMany', jobs.length]);
    this.jobs.push(...jobs);
    return this.onPushMany(jobs);
  }

  async declare(pipeline: PipelineDeclaration): Promise<void> {
    this.calls.push(['declare', { ...pipeline }]);
  }

  async destroy(...names: string[]): Promise<string[]> {
    this.calls.push(['destroy', ...names]);
    return names;
  }

  async pause(...names: string[]): Promise<void> {
    this.calls.push(['pause', ...names]);
  }

  async resume(...names: string[]): Promise<void> {
    this.calls.push(['resume', ...names]);
  }

  list(): Promise<string[]> {
    this.calls.push(['list']);
    return this.onList();
  }

  async stat(): Promise<PipelineStat[]> {
    return this.stats;
  }
}

/** A run that takes settlements as the kernel does: the first one counts. */
export class ScriptedControl implements TaskControl {
  isSettled = false;
  readonly driver: string = 'memory';
  readonly queue: string = 'broker-queue';
  readonly outcomes: Outcome[] = [];
  onSettle: (outcome: Outcome) => Done = () => {};

  get outcome(): Outcome {
    expect(this.outcomes).toHaveLength(1);
    return this.outcomes[0] ?? DONE_OUTCOME;
  }

  settle(outcome: Outcome): Done {
    this.outcomes.push(outcome);
    this.isSettled = true;
    return this.onSettle(outcome);
  }
}

export function headers(values: Readonly<Record<string, readonly string[]>>): JobHeaders {
  return Object.assign(Object.create(null) as Record<string, readonly string[]>, values);
}

export function aJob({ id, payload = '{"to":"ann"}', given = NO_HEADERS }: { id?: string; payload?: Payload; given?: JobHeaders } = {}): JobRecord {
  return new JobRecord('email.send', 'emails', payload, given, 10, 0, false, id);
}

export function receive(job: Job = aJob()): { task: ReceivedTask; control: ScriptedControl } {
  const control = new ScriptedControl();
  return { task: new ReceivedTask(job, control), control };
}

/** The Declare maps, or the pushed jobs, that a recorded client sent. */
export function recorded<T>(name: string, key: 'pipeline' | 'job'): T[] {
  const file = new URL(`../fixtures/goridge/${name}.json`, import.meta.url);
  const { frames } = JSON.parse(readFileSync(file, 'utf8')) as { frames: { from: string; decoded: { body?: Record<string, T> } }[] };
  return frames.filter(({ from }) => from === 'client').flatMap(({ decoded }) => decoded.body?.[key] ?? []);
}
