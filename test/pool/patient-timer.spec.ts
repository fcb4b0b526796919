import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { systemClock } from '../../lib/contract/clock.js';
import { setPatientTimer } from '../../lib/pool/patient-timer.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const DELAY_MS = 50;

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('A patient timer', () => {
  it('lets that be read first what came while the event loop was blocked', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const writer = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [reader] = await accepted;
    const order: string[] = [];
    reader.on('data', () => order.push('read'));
    await new Promise<void>((resolve) => {
      setPatientTimer(systemClock, DELAY_MS, () => resolve(void order.push('timer')));
      writer.write('the last answer');
      block(4 * DELAY_MS);
    });
    writer.destroy();
    server.close();
    expect(order).toEqual(['read', 'timer']);
  });

  it('is called after its delay, once', async () => {
    const clock = new VirtualClock();
    let calls = 0;
    setPatientTimer(clock, DELAY_MS, () => calls++);
    await clock.advance(DELAY_MS - 1);
    expect(calls).toBe(0);
    await clock.advance(1_000);
    expect(calls).toBe(1);
  });

  it('is not called when it was cancelled on its way', async () => {
    const clock = new VirtualClock();
    let calls = 0;
    const timer = setPatientTimer(clock, DELAY_MS, () => calls++);
    await clock.advance(DELAY_MS / 2);
    timer.cancel();
    await clock.advance(1_000);
    expect(calls).toBe(0);
  });
});
