import type { KernelOptions } from '../../../lib/config/kernel-options.js';
import type { TestBroker } from '../../support/brokers.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { BrokerLoad, type LoadPipeline } from './broker-load.js';
import { reportFault } from './fault-report.js';
import { endProcesses } from './processes.js';

/** A queue of its own, behind a proxy. */
export interface FaultPlace {
  readonly pipeline: LoadPipeline;
  readonly kernelOptions: KernelOptions;
  readonly proxy: TcpProxy;
}

/** A broker, and what its driver may do under a fault. */
export interface FaultSubject {
  readonly driver: string;
  readonly server: TestBroker;
  open(): Promise<FaultPlace>;
  /** Jobs that are accepted before the fault, and after it. */
  readonly jobsBetween: number;
  /** Jobs that one fault may bring again: lent or on their way when the connections end. */
  readonly mostTwice: number;
}

/** What a fault is made with. */
export interface FaultRun extends FaultPlace {
  readonly load: BrokerLoad;
}

/** `npm run faults` asks for ten. */
export const ROUNDS = Number(process.env['NRR_ROUNDS'] ?? 1);
/** The longest wait between two dials is 30 s, the rest is for a slow machine. Unit: milliseconds. */
export const MOST_RECOVERY_MS = 45_000;
/** More than all deadlines of a round together: a round that fails says why. Unit: milliseconds. */
export const ROUND_TIMEOUT_MS = 400_000;
/** A broker that is started again. Unit: milliseconds. */
const REVIVE_TIMEOUT_MS = 120_000;
const FEW = 10;

const loads = new Set<BrokerLoad>();

/** Call it inside a suite: ends what a test left behind, and starts its broker again where that is dead. */
export function cleanUpAfterEach(server: TestBroker): void {
  afterEach(async () => {
    await endProcesses();
    await Promise.all([...loads].map((load) => load.abandon()));
    loads.clear();
    await server.revive();
  }, REVIVE_TIMEOUT_MS);
}

/** Makes the fault under a load, round after round. Answers what is wrong with the outcome. */
export async function loadRounds(subject: FaultSubject, fault: string, make: (run: FaultRun) => Promise<void>): Promise<string[]> {
  const problems: string[] = [];
  for (let round = 1; round <= ROUNDS && problems.length === 0; round++) {
    const place = await subject.open();
    const load = await BrokerLoad.start(place.pipeline, place.kernelOptions);
    loads.add(load);
    await load.more(subject.jobsBetween);
    await make({ ...place, load });
    await load.more(subject.jobsBetween);
    const { lost, duplicates, early, recoveryMs = Infinity, ...account } = await load.finish();
    loads.delete(load);
    reportFault({ driver: subject.driver, fault, ...account, lost: lost.length, duplicates, recoveryMs });
    const found = [
      ...(lost.length > 0 ? [`lost ${lost.length} jobs: ${lost.slice(0, FEW).join(', ')}`] : []),
      ...early.slice(0, FEW),
      ...(duplicates > subject.mostTwice ? [`ran ${duplicates} jobs twice`] : []),
      ...(recoveryMs > MOST_RECOVERY_MS ? [`recovered after ${recoveryMs} ms`] : []),
    ];
    problems.push(...found.map((text) => `round ${round}: ${text}`));
    if (found.length > 0) problems.push(load.state());
  }
  return problems;
}
