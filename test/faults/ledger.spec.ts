import { accountFor, historyOf, type Kill, type LedgerLine } from './support/ledger.js';

const KILL_AT = 10_000;
const KILLS: readonly Kill[] = [{ round: 0, at: KILL_AT, concurrency: 4 }];

/** `S0@9990` is the start of a run in round 0; the job is accepted before all of them. */
function ledgerOf(...runs: readonly string[]): LedgerLine[] {
  const accepted: LedgerLine[] = [
    { kind: 'T', round: 0, job: '0-1', at: 1_000, due: 1_000 },
    { kind: 'A', round: 0, job: '0-1', at: 1_001, due: Number.NaN },
  ];
  return [
    ...accepted,
    ...runs.map((run) => {
      const [, kind, round, at] = /^(\w)(\d)@(\d+)$/u.exec(run)!;
      return { kind: kind as LedgerLine['kind'], round: Number(round), job: '0-1', at: Number(at), due: Number.NaN };
    }),
  ];
}

describe('the accounting of a ledger', () => {
  it('calls a job lost that was accepted and never finished', () => {
    expect(accountFor(ledgerOf('S0@9990'), KILLS).lost).toEqual(['0-1']);
  });

  it('explains a second run by the kill that ended the first', () => {
    const account = accountFor(ledgerOf('S0@9990', 'S1@11000', 'F1@11001'), KILLS);
    expect(account).toMatchObject({ lost: [], unexplained: [], wereRunning: new Map([[0, 1]]) });
  });

  it('explains the second run of a finished job by a kill shortly after', () => {
    const account = accountFor(ledgerOf('S0@9980', 'F0@9990', 'S1@11000', 'F1@11001'), KILLS);
    expect(account).toMatchObject({ unexplained: [], wereUnsynced: new Map([[0, 1]]) });
  });

  it('does not explain it by a kill long after', () => {
    const account = accountFor(ledgerOf('S0@1980', 'F0@1990', 'S1@11000', 'F1@11001'), KILLS);
    expect(account.unexplained).toEqual(['0-1 ran in round 1 after F in round 0']);
  });

  it('does not explain two runs in one life', () => {
    const account = accountFor(ledgerOf('S1@11000', 'F1@11001', 'S1@11002', 'F1@11003'), KILLS);
    expect(account.unexplained).toEqual(['0-1 ran in round 1 after F in round 1']);
  });

  it('explains them where the job failed shortly before the kill: copy and original are there', () => {
    const account = accountFor(ledgerOf('S0@9980', 'X0@9990', 'S1@11000', 'X1@11001', 'S1@11500', 'F1@11501', 'S1@11600', 'F1@11601'), KILLS);
    expect(account).toMatchObject({ unexplained: [], wereRequeued: new Map([[0, 1]]) });
  });

  it('explains them when copy and original run at the same time', () => {
    const account = accountFor(ledgerOf('X0@9990', 'S1@11000', 'S1@11001', 'X1@11002', 'F1@11003', 'S1@11500', 'F1@11501'), KILLS);
    expect(account).toMatchObject({ unexplained: [], wereRequeued: new Map([[0, 1]]) });
  });

  it('explains no more runs than one copy too many makes', () => {
    const account = accountFor(ledgerOf('X0@9990', 'S1@11000', 'F1@11001', 'S1@11002', 'F1@11003', 'S1@11004', 'F1@11005', 'S1@11006'), KILLS);
    expect(account.unexplained).toEqual(['0-1 ran in round 1 after F in round 1']);
  });

  it('does not explain them where it failed long before the kill', () => {
    const account = accountFor(ledgerOf('X0@1990', 'S1@11000', 'F1@11001', 'S1@11002', 'F1@11003'), KILLS);
    expect(account.unexplained).toEqual(['0-1 ran in round 1 after F in round 1']);
  });

  it('tells the history of a job in one line', () => {
    expect(historyOf(ledgerOf('S0@1005', 'X0@1006', 'S1@2210', 'F1@2213'), '0-1')).toBe('0-1: T0+0 A0+1 S0+5 X0+6 S1+1210 F1+1213');
  });
});
