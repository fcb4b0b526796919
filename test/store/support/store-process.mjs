// A process of its own on the built library. It counts and claims in a state store until it is killed, and says what was
// answered: "counted", "won <number>", "lost <number>". The arguments: the folder of the store, the name of this process.
import { writeSync } from 'node:fs';
import { systemClock } from '../../../dist/contract/clock.js';
import { EmbeddedStore } from '../../../dist/store/embedded.store.js';

const CLAIM_MS = 3_600_000;
const STDOUT = 1;
const [dataDir, name] = process.argv.slice(2);
const store = await EmbeddedStore.open({ dataDir, clock: systemClock });

async function add(key) {
  return store.transaction(async (transaction) => {
    const next = Number(new TextDecoder().decode(await transaction.get(key))) + 1;
    transaction.put(key, new TextEncoder().encode(String(next)));
    transaction.put(`${key}/by/${name}/${next}`, new Uint8Array());
    return next;
  });
}

process.stdin.once('data', () => void store.close().then(() => process.exit(0)));
for (;;) {
  const number = await add('count');
  writeSync(STDOUT, `counted ${number}\n`);
  // Every process asks for every claim it meets, so that two often ask for the same one.
  const claim = Math.floor(number / 2);
  writeSync(STDOUT, `${(await store.claim(`claim/${claim}`, name, CLAIM_MS)) ? 'won' : 'lost'} ${claim}\n`);
}
