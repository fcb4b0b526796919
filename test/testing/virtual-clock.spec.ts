import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const DAY_MS = 86_400_000;

describe('VirtualClock', () => {
  it('starts at the beginning of 2026 and stands still', async () => {
    const clock = new VirtualClock();
    await new Promise((resolve) => setImmediate(resolve));
    expect([clock.now(), clock.monotonic()]).toEqual([Date.parse('2026-01-01T00:00:00Z'), 0]);
  });

  it('starts at the moment it is given, as a number or a Date', () => {
    expect(new VirtualClock({ start: 1_234 }).now()).toBe(1_234);
    expect(new VirtualClock({ start: new Date('2030-05-06T07:08:09Z') }).now()).toBe(Date.parse('2030-05-06T07:08:09Z'));
  });

  it('moves wall time and monotonic time together', async () => {
    const clock = new VirtualClock({ start: 1_000 });
    await clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250]);
  });

  it('reads a duration text', async () => {
    const clock = new VirtualClock();
    await clock.advance('1h30m');
    expect(clock.monotonic()).toBe(5_400_000);
  });

  it('fires due timers in the order of their time, equal ones in the order they were set', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push('20'));
    clock.setTimer(10, () => fired.push('10 first'));
    clock.setTimer(10, () => fired.push('10 second'));
    clock.setTimer(0, () => fired.push('0'));
    clock.setTimer(21, () => fired.push('21'));
    await clock.advance(20);
    expect(fired).toEqual(['0', '10 first', '10 second', '20']);
  });

  it('shows each timer the moment at which it was due', async () => {
    const clock = new VirtualClock({ start: 0 });
    const seen: number[][] = [];
    for (const delay of [30, 7, 19]) clock.setTimer(delay, () => seen.push([clock.monotonic(), clock.now()]));
    await clock.advance(100);
    expect(seen).toEqual([
      [7, 7],
      [19, 19],
      [30, 30],
    ]);
    expect(clock.monotonic()).toBe(100);
  });

  it('fires a timer never early and at most once', async () => {
    const clock = new VirtualClock();
    let fired = 0;
    clock.setTimer(10, () => fired++);
    await clock.advance(9.999);
    expect(fired).toBe(0);
    await clock.advance(0.001);
    await clock.advance(1_000);
    expect(fired).toBe(1);
  });

  it('fires a timer of 30 days, which one setTimeout could not wait for', async () => {
    const clock = new VirtualClock();
    let fired = false;
    clock.setTimer(30 * DAY_MS, () => (fired = true));
    await clock.advance('29d');
    expect(fired).toBe(false);
    await clock.advance('1d');
    expect(fired).toBe(true);
  });

  it('fires what was set before it by promises and setImmediate callbacks', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    void Promise.resolve().then(() => clock.setTimer(5, () => fired.push('promise')));
    setImmediate(() => clock.setTimer(6, () => fired.push('immediate')));
    await clock.advance(10);
    expect(fired).toEqual(['promise', 'immediate']);
  });

  it('lets what a timer starts set new timers inside the same window', async () => {
    const clock = new VirtualClock();
    const beats: number[] = [];
    const beat = (): void => {
      beats.push(clock.monotonic());
      void Promise.resolve()
        .then(() => new Promise((resolve) => setImmediate(resolve)))
        .then(() => clock.setTimer(10, beat));
    };
    clock.setTimer(10, beat);
    await clock.advance(35);
    expect(beats).toEqual([10, 20, 30]);
    expect(clock.pending).toBe(1);
  });

  it('has let the work of the last timer run when advance resolves', async () => {
    const clock = new VirtualClock();
    let done = false;
    clock.setTimer(10, () => setImmediate(() => void Promise.resolve().then(() => (done = true))));
    await clock.advance(10);
    expect(done).toBe(true);
  });

  it('never fires a cancelled timer, also when another timer of the same moment cancels it', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const early = clock.setTimer(10, () => fired.push('early'));
    clock.setTimer(20, () => {
      fired.push('kept');
      sibling.cancel();
    });
    const sibling = clock.setTimer(20, () => fired.push('sibling'));
    early.cancel();
    await clock.advance(100);
    expect(fired).toEqual(['kept']);
  });

  it('ignores a cancel after the timer fired or was cancelled', async () => {
    const clock = new VirtualClock();
    const first = clock.setTimer(1, () => {});
    await clock.advance(1);
    const second = clock.setTimer(1, () => {});
    first.cancel();
    expect(clock.pending).toBe(1);
    second.cancel();
    second.cancel();
    expect(clock.pending).toBe(0);
  });

  it('counts the timers that are set', async () => {
    const clock = new VirtualClock();
    const timers = [1, 2, 3].map((delay) => clock.setTimer(delay, () => {}));
    expect(clock.pending).toBe(3);
    timers[2].cancel();
    await clock.advance(1);
    expect(clock.pending).toBe(1);
  });

  it('treats a negative delay as 0 and never fires an infinite one', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.setTimer(-5, () => fired.push('negative'));
    clock.setTimer(Infinity, () => fired.push('infinite'));
    await clock.advance('52w');
    expect(fired).toEqual(['negative']);
  });

  it('jumps wall time alone, in both directions, and fires nothing', async () => {
    const clock = new VirtualClock({ start: 10_000 });
    let fired = 0;
    clock.setTimer(1_000, () => fired++);
    clock.jump(5_000);
    expect([clock.now(), clock.monotonic()]).toEqual([15_000, 0]);
    clock.jump(-9_000);
    expect(clock.now()).toBe(6_000);
    await clock.advance(999);
    expect(fired).toBe(0);
    await clock.advance(1);
    expect([fired, clock.now()]).toEqual([1, 7_000]);
  });

  it('runs overlapping moves one after another', async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    clock.setTimer(15, () => fired.push(clock.monotonic()));
    await Promise.all([clock.advance(10), clock.advance(10)]);
    expect([fired, clock.monotonic()]).toEqual([[15], 20]);
  });

  it('rejects with what a timer throws, stands at its moment, and can move on', async () => {
    const clock = new VirtualClock();
    let later = false;
    clock.setTimer(10, () => {
      throw new RangeError('broken');
    });
    clock.setTimer(20, () => (later = true));
    await expect(clock.advance(30)).rejects.toThrow(new RangeError('broken'));
    expect([clock.monotonic(), later]).toEqual([10, false]);
    await clock.advance(10);
    expect(later).toBe(true);
  });

  it.each([
    [-1, /duration is -1 ms.*jump/],
    [Number.NaN, /duration is NaN/],
    [Infinity, /duration is Infinity/],
    ['soon', /duration is "soon"/],
  ])('refuses to move by %p', async (duration, message) => {
    const clock = new VirtualClock();
    await expect(clock.advance(duration)).rejects.toThrow(message);
    expect(clock.monotonic()).toBe(0);
  });

  it('refuses a start, a jump and a timer that are no numbers', () => {
    expect(() => new VirtualClock({ start: new Date('never') })).toThrow(/start is NaN/);
    expect(() => new VirtualClock().jump(Number.NaN)).toThrow(/deltaMs is NaN/);
    expect(() => new VirtualClock().setTimer(Number.NaN, () => {})).toThrow(/delay of NaN/);
  });

  it('carries ten thousand timers', async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    for (let index = 0; index < 10_000; index++) clock.setTimer((index * 7_919) % 10_007, () => fired.push(clock.monotonic()));
    await clock.advance(10_007);
    expect(fired).toHaveLength(10_000);
    expect(fired).toEqual([...fired].sort((left, right) => left - right));
  });
});
