import type { KernelService } from '../contract/service.js';
import { TickerService } from '../host/ticker.service.js';

/** The services that come with the library, by the name of their section. */
export const builtinServices: Readonly<Record<string, () => KernelService>> = { ticker: () => new TickerService() };
