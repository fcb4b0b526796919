/** Testing kit. @publicApi */ export { VirtualClock } from './virtual-clock.js';
