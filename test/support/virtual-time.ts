import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import type { ContractTime } from '../drivers/driver-contract.js';

/** Time that passes only when a test says so. */
export function createVirtualTime(): ContractTime {
  const clock = new VirtualClock();
  return { clock, pass: (ms) => clock.advance(ms) };
}
