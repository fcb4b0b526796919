// The rooms of lib/ and their one-way doors. `import type` counts as an import; there are no exceptions.
// A room that reaches further needs a hinge in contract/, not a line here.

/**
 * What each room may import: rooms of lib/, and packages (builtin modules by their full name).
 * `lazyPackages` may only be loaded by `import()`, so that nothing is needed until it is used.
 */
const ROOMS = {
  contract: { rooms: [], packages: [] },
  wire: { rooms: ['contract'], packages: ['protobufjs', '@msgpack/msgpack'] },
  relay: { rooms: ['contract', 'wire'], packages: ['node:net', 'node:tls', 'node:fs', 'node:path', 'node:stream', 'node:crypto', 'cockatiel'] },
  client: { rooms: ['contract'], packages: ['node:crypto'] },
  files: { rooms: ['contract'], packages: ['node:fs', 'node:path'], lazyPackages: ['lmdb'] },
  drivers: { rooms: ['contract', 'files'], packages: ['cockatiel'] },
  store: { rooms: ['contract', 'files'], packages: ['node:path'], lazyPackages: ['pg'] },
  kernel: { rooms: ['contract'], packages: ['node:crypto'] },
  pool: { rooms: ['contract', 'wire', 'relay'], packages: ['node:child_process', 'node:fs', 'node:net', 'node:os', 'node:stream'] },
  worker: { rooms: ['contract', 'wire', 'relay', 'client'], packages: ['node:fs', 'node:net', 'node:stream', 'node:worker_threads'] },
  host: { rooms: ['contract'], packages: ['node:fs'] },
  config: { rooms: ['contract'], packages: ['yaml', 'valibot'] },
  observe: { rooms: ['contract'], packages: [], lazyPackages: ['prom-client', '@opentelemetry/*'] },
};
const BELOW_RUNTIME = Object.keys(ROOMS);
Object.assign(ROOMS, {
  runtime: { rooms: BELOW_RUNTIME, packages: ['node:crypto', 'node:fs', 'node:os', 'node:path', 'node:url'] },
  nest: { rooms: [...BELOW_RUNTIME, 'runtime'], packages: ['@nestjs/*', 'rxjs', 'reflect-metadata'] },
  cli: {
    rooms: ['contract', 'relay', 'config', 'runtime'],
    packages: ['node:util', 'node:fs', 'node:fs/promises', 'node:module', 'node:path', 'node:stream/consumers', 'node:url'],
  },
  dashboard: { rooms: ['contract', 'nest'], packages: ['@nestjs/*'] },
});
ROOMS.testing = { rooms: Object.keys(ROOMS), packages: ['@nestjs/*'] };

/** Each driver has its own packages and no others; broker clients are loaded by `import()`. */
const DRIVERS = {
  memory: {},
  embedded: { packages: ['node:crypto', 'node:fs', 'node:net', 'node:path'] },
  amqp: { packages: ['node:crypto', 'node:fs', 'node:tls'], lazyPackages: ['amqplib'] },
  beanstalk: { packages: ['node:net'] },
  sqs: { packages: ['node:crypto'], lazyPackages: ['@aws-sdk/client-sqs'] },
  kafka: {
    packages: ['node:crypto', 'node:fs', 'node:net', 'node:tls', 'node:zlib'],
    lazyPackages: ['kafkajs', 'kafkajs-snappy', 'fzstd', 'lz4js', '@platformatic/kafka'],
  },
  postgres: { lazyPackages: ['pg'] },
};

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
const oneOf = (names) => `(?:${names.join('|')})`;

/** Matches a resolved package: a builtin by its bare name, any other inside node_modules, or by its name where it is not installed. */
function packagePattern(name) {
  if (name.startsWith('node:')) return `^(?:node:)?${escape(name.slice('node:'.length))}$`;
  if (name.endsWith('/*')) return `^(?:node_modules/)?${escape(name.slice(0, -1))}`;
  return `^(?:node_modules/)?${escape(name)}(?:/|$)`;
}

const packagePatterns = (names) => names.map(packagePattern);

/** Paths that are no package: folders of the project and relative paths that lead nowhere. Other rules look at those. */
const NO_PACKAGE = '^(?:\\.|(?:lib|test|scripts|bench|sample|dist|docs)/)';

function roomRules(room, from, { rooms, packages = [], lazyPackages = [] }) {
  const doors = [room, ...rooms];
  return [
    {
      name: `${room}-rooms`,
      comment: `${room}/ may import from lib/ only: ${rooms.join(', ') || 'nothing'}.`,
      severity: 'error',
      from,
      to: { path: '^lib/', pathNot: `^lib/${oneOf(doors)}/` },
    },
    packagesRule(room, from, packages, lazyPackages),
    lazyRule(room, from, packages, lazyPackages),
  ].filter((rule) => rule !== undefined);
}

function packagesRule(name, from, packages, lazyPackages) {
  const allowed = [...packages, ...lazyPackages];
  return {
    name: `${name}-packages`,
    comment: `${name} may use these packages only: ${allowed.join(', ') || 'none'}.`,
    severity: 'error',
    from,
    to: { pathNot: [NO_PACKAGE, ...packagePatterns(allowed)] },
  };
}

function lazyRule(name, from, packages, lazyPackages) {
  if (lazyPackages.length === 0) return undefined;
  return {
    name: `${name}-lazy-packages`,
    comment: `${name} loads these packages by import() only, when they are needed: ${lazyPackages.join(', ')}.`,
    severity: 'error',
    from,
    to: { path: packagePatterns(lazyPackages), dynamic: false },
  };
}

function driverRules(driver, { packages = [], lazyPackages = [] }) {
  const from = { path: `^lib/drivers/${driver}(?:\\.driver\\.ts$|/)` };
  const common = ROOMS.drivers.packages;
  return [
    packagesRule(`${driver}-driver`, from, [...common, ...packages], lazyPackages),
    lazyRule(`${driver}-driver`, from, packages, lazyPackages),
  ].filter((rule) => rule !== undefined);
}

const DRIVER_FILES = `^lib/drivers/${oneOf(Object.keys(DRIVERS))}(?:\\.driver\\.ts$|/)`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle, type imports included, means that two files are one or that a third is missing.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { circular: true },
    },
    {
      name: 'known-room',
      comment: 'A file of lib/ belongs to a room of the table in this file; only index.ts stands outside.',
      severity: 'error',
      from: { path: '^lib/', pathNot: [`^lib/${oneOf(Object.keys(ROOMS))}/`, '^lib/index\\.ts$'] },
      to: {},
    },
    {
      name: 'known-room-alone',
      comment: 'The same for a file that nothing imports and that imports nothing.',
      severity: 'error',
      from: { orphan: true, path: '^lib/', pathNot: [`^lib/${oneOf(Object.keys(ROOMS))}/`, '^lib/index\\.ts$'] },
      to: {},
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere: a misspelt path, a missing .js ending or a package that is not installed.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'lib-stays-inside',
      comment: 'The library imports nothing from its tests, scripts, samples or build.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(?:test|scripts|bench|sample|dist|docs)/' },
    },
    {
      name: 'index-packages',
      comment: 'index.ts lists names of rooms and uses no package.',
      severity: 'error',
      from: { path: '^lib/index\\.ts$' },
      to: { pathNot: NO_PACKAGE },
    },
    {
      name: 'no-own-index',
      comment: 'Rooms import each other file by file; index files exist for users.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/index\\.ts$' },
      to: { path: '^lib/(?:index|runtime/(?:index|client|worker)|testing/index)\\.ts$' },
    },
    ...Object.entries(ROOMS)
      .filter(([room]) => room !== 'drivers')
      .flatMap(([room, doors]) => roomRules(room, { path: `^lib/${room}/` }, doors)),
    ...roomRules('drivers', { path: '^lib/drivers/' }, ROOMS.drivers).filter(({ name }) => name === 'drivers-rooms'),
    packagesRule('drivers', { path: '^lib/drivers/', pathNot: DRIVER_FILES }, ROOMS.drivers.packages, []),
    ...Object.entries(DRIVERS).flatMap(([driver, own]) => driverRules(driver, own)),
    {
      name: 'drivers-apart',
      comment: 'A driver knows no other driver.',
      severity: 'error',
      from: { path: '^lib/drivers/([^/.]+)(?:\\.driver\\.ts$|/)' },
      to: { path: '^lib/drivers/[^/.]+(?:\\.driver\\.ts$|/)', pathNot: '^lib/drivers/$1(?:\\.driver\\.ts$|/)' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['(?:^|/)node_modules/nestjs-roadrunner(?:/|$)', '(?:^|/)dist/', '^lib/wire/generated/'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.js', '.json', '.d.ts'],
    },
    reporterOptions: { text: { highlightFocused: true } },
  },
};
