import type { SqsMessage } from '../../lib/drivers/sqs/api.js';
import { SqsDelivery, type DeliveryHolder } from '../../lib/drivers/sqs/delivery.js';
import { Leases } from '../../lib/drivers/sqs/leases.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { aJob } from '../support/jobs.js';

const HOUR_SECONDS = 3_600;
const LIMIT_SECONDS = 12 * HOUR_SECONDS;

describe('What is lent of a queue of sqs', () => {
  it('is hidden anew until the service hides it no longer, which is told once', async () => {
    const clock = new VirtualClock();
    const asked: { readonly at: number; readonly seconds: number; readonly isLast: boolean }[] = [];
    const leases = new Leases({ clock, extend: (_delivery, seconds, isLast) => asked.push({ at: clock.monotonic() / 1_000, seconds, isLast }) });
    leases.visibilitySeconds = HOUR_SECONDS;
    leases.add(new SqsDelivery(aJob(), {} as SqsMessage, {} as DeliveryHolder));
    await clock.advance(LIMIT_SECONDS * 2_000);
    expect(asked.length).toBeGreaterThan(24);
    expect(asked.filter(({ isLast }) => isLast)).toEqual([asked.at(-1)]);
    const ends = asked.map(({ at, seconds }) => at + seconds);
    expect(Math.max(...ends)).toBeLessThan(LIMIT_SECONDS);
    expect(ends.at(-1)).toBeGreaterThan(LIMIT_SECONDS - 120);
    leases.clear();
  });
});
