import { measureDrain } from '../support/drain.mjs';
import { drainOf } from '../support/kernel.mjs';

export const variants = {
  'plain handler': async () => measureDrain((await drainOf((countdown) => async (context) => countdown.handled(context.text().length))).subject),
  'sync handler': async () => measureDrain((await drainOf((countdown) => (context) => countdown.handled(context.text().length))).subject),
  'JSON-decoding handler': async () =>
    measureDrain((await drainOf((countdown) => async (context) => countdown.handled(context.json().to.length))).subject),
};
