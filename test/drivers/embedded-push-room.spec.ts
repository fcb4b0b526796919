import { MAX_UNCONFIRMED, MAX_UNCONFIRMED_BYTES, PushRoom } from '../../lib/drivers/embedded/push-room.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const TIMEOUT_MS = 1_000;

function setup() {
  const clock = new VirtualClock();
  const room = new PushRoom(clock);
  const started: string[] = [];
  const wait = (name: string, owner: object = room, timeoutMs = TIMEOUT_MS): Promise<string> =>
    room
      .wait({
        owner,
        timeoutMs,
        start: () => {
          started.push(name);
          room.add(1);
          return Promise.resolve();
        },
        refusal: () => new Error(`${name} got no room`),
      })
      .then(
        () => `${name} stored`,
        (error: unknown) => (error as Error).message,
      );
  const fill = (): void => {
    for (let job = 0; job < MAX_UNCONFIRMED; job++) room.add(1);
  };
  return { clock, room, started, wait, fill };
}

describe('The room for jobs on their way to the disk', () => {
  it('is full by the number of jobs, and free when as many have ended', () => {
    const { room, fill } = setup();
    fill();
    expect(room.isFull).toBe(true);
    room.ended(1, 1);
    expect(room.isFull).toBe(false);
  });

  it('is full by their bytes, also of a single job', () => {
    const { room } = setup();
    room.add(MAX_UNCONFIRMED_BYTES);
    expect(room.isFull).toBe(true);
    room.ended(1, MAX_UNCONFIRMED_BYTES);
    expect(room.isFull).toBe(false);
  });

  it('admits who waits as room comes, in the order in which they came', async () => {
    const { room, started, wait, fill } = setup();
    fill();
    const all = Promise.all(['a', 'b', 'c'].map((name) => wait(name)));
    room.ended(2, 2);
    expect(started).toEqual(['a', 'b']);
    room.ended(1, 1);
    expect(await all).toEqual(['a stored', 'b stored', 'c stored']);
  });

  it('stays full for newcomers while others wait', () => {
    const { room, wait } = setup();
    room.add(MAX_UNCONFIRMED_BYTES);
    void wait('a');
    void wait('b');
    room.ended(0, 1);
    room.ended(0, -1);
    expect(room.isFull).toBe(true);
  });

  it('refuses who has waited as long as a push may, and nobody else', async () => {
    const { clock, room, started, wait, fill } = setup();
    fill();
    const first = wait('a');
    await clock.advance(TIMEOUT_MS / 2);
    const second = wait('b');
    await clock.advance(TIMEOUT_MS / 2);
    expect(await first).toBe('a got no room');
    room.ended(1, 1);
    expect(await second).toBe('b stored');
    expect(started).toEqual(['b']);
    expect(clock.pending).toBe(0);
  });

  it('refuses at once who may not wait', async () => {
    const { wait, fill } = setup();
    fill();
    expect(await wait('a', {}, 0)).toBe('a got no room');
  });

  it('refuses those of a pipeline that ends, and goes on with the others', async () => {
    const { room, wait, fill } = setup();
    fill();
    const owner = {};
    const [ending, other] = [wait('a', owner), wait('b')];
    room.refuse(owner, new Error('It ended.'));
    expect(await ending).toBe('It ended.');
    room.ended(1, 1);
    expect(await other).toBe('b stored');
  });
});
