import { Turn } from '../../lib/drivers/kafka/turn.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const NEVER = Number.MAX_SAFE_INTEGER;

describe('Turns through the waiting jobs of a partition', () => {
  const open = () => {
    const clock = new VirtualClock();
    const rested: number[] = [];
    const turn = new Turn(clock, () => rested.push(clock.monotonic()));
    let end = 10;
    /** Writes jobs again, and reads all that is there. */
    const run = (written: number, found = 0, dueAt = NEVER): void => {
      for (let count = 0; count < written; count++) turn.wrote(dueAt);
      for (let count = 0; count < found; count++) turn.found();
      turn.read((end += written + found), end);
    };
    return { clock, rested, turn, run };
  };

  it('rest longer each time when nothing is found, and half a minute at most', async () => {
    const { clock, turn, run } = open();
    const rests: number[] = [];
    for (let count = 0; count < 7; count++) {
      run(200);
      const since = clock.monotonic();
      while (turn.isResting) await clock.advance(1_000);
      rests.push(clock.monotonic() - since);
    }
    expect(rests).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('rest no longer than until the first job that was written is due', async () => {
    const { clock, rested, run } = open();
    for (let count = 0; count < 4; count++) {
      run(200);
      await clock.advance(60_000);
    }
    const since = clock.monotonic();
    run(200, 0, clock.now() + 5_000);
    await clock.advance(60_000);
    expect(rested.at(-1)! - since).toBe(5_000);
  });

  it('rest shortly again when something is found, and not at all when it is as much as was written', async () => {
    const { clock, rested, turn, run } = open();
    for (let count = 0; count < 4; count++) {
      run(200);
      await clock.advance(60_000);
    }
    const since = clock.monotonic();
    run(200, 1);
    await clock.advance(60_000);
    expect(rested.at(-1)! - since).toBe(1_000);
    run(1, 200);
    expect(turn.isResting).toBe(false);
  });

  it('end when all is read that was there when they began', () => {
    const { turn } = open();
    turn.wrote(NEVER);
    turn.read(5, 10);
    turn.read(9, 20);
    expect(turn.isResting).toBe(false);
    turn.read(10, 30);
    expect(turn.isResting).toBe(true);
  });
});
