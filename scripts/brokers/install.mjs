// Installs the brokers of the tests: `npm run brokers:install`, or only some of them: `npm run brokers:install -- amqp kafka`.
// What is there already is left alone. No broker is ever installed by installing the package.
import { installWithApt, onPath } from './system.mjs';
import { kindOf, kinds } from './kinds.mjs';

const chosen = process.argv.slice(2).map(kindOf);
const wanted = (chosen.length === 0 ? kinds : chosen).filter((kind) => kind.find().missing !== undefined);

/** Packages of the system come in one transaction: two of them at once would wait for each other's lock. */
async function installSystemPackages() {
  const servers = wanted.flatMap(({ packages }) => packages.server ?? []);
  const tools = onPath('mvn') === undefined ? wanted.flatMap(({ packages }) => packages.tools ?? []) : [];
  const packages = [...new Set([...servers, ...tools])];
  if (packages.length > 0) await installWithApt(packages);
}

const startedAt = performance.now();
let reason = '';
try {
  await installSystemPackages();
} catch (error) {
  reason = error instanceof Error ? error.message : String(error);
}

const missing = [];
for (const kind of wanted) {
  try {
    if (kind.find().missing !== undefined) await kind.install();
    console.log(`✓ ${kind.name}: ${kind.server} is installed`);
  } catch (error) {
    missing.push(kind.name);
    console.error(`✗ ${kind.name}: ${reason === '' ? '' : `${reason} `}${error instanceof Error ? error.message : String(error)}`);
  }
}
const there = kinds.filter((kind) => !wanted.includes(kind) && (chosen.length === 0 || chosen.includes(kind)));
for (const kind of there) console.log(`✓ ${kind.name}: ${kind.server} is there`);
console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
if (missing.length > 0) {
  console.error(`Missing: ${missing.join(', ')}. Their tests are skipped; docker-compose.yml has them too.`);
  if (process.env['CI'] === 'true') process.exitCode = 1;
}
