// What one call of a handler costs: our compiled chain against Nest's ExternalContextCreator, in CPU time.
//
//   npm run build && node bench/nest-chain.mjs [rounds]
//
// One process for every cell, cells interleaved, medians of the rounds; only the ratios count. Goal 3 of the library: one interceptor at
// least 4 times cheaper than Nest's own caller, no enhancers at least 10 times.
import { fork } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

const CASES = {
  'no params, sync': { method: 'none', goal: 10 },
  'no params, async': { method: 'noneAsync' },
  'payload + ctx, sync': { method: 'both', goal: 10 },
  'payload + ctx, async': { method: 'bothAsync' },
  'guard + pipe, sync': { method: 'guarded', goal: 1.5 },
  'guard + pipe, async': { method: 'guardedAsync', goal: 1.5 },
  'one interceptor, sync': { method: 'intercepted', goal: 4 },
  'one interceptor, async': { method: 'interceptedAsync', goal: 4 },
  'guard + pipe + interceptor': { method: 'everything' },
};
const CALLS = { chain: 300_000, nest: 60_000 };

if (process.send === undefined) await compare(Number(process.argv[2] ?? 5));
else process.send(await measure(process.argv[2], process.argv[3]), () => process.exit());

async function compare(rounds) {
  const cells = Object.keys(CASES).flatMap((name) => Object.keys(CALLS).map((subject) => ({ name, subject, costs: [], kind: '' })));
  for (let round = 0; round < rounds; round++) {
    for (const cell of cells) {
      const { costNs, kind } = await inChild(CASES[cell.name].method, cell.subject);
      cell.costs.push(costNs);
      cell.kind = kind;
    }
  }
  console.log(`node ${process.version}, ${rounds} rounds, load ${loadavg()[0].toFixed(1)}; ns CPU per call, medians`);
  for (const name of Object.keys(CASES)) {
    const [chain, nest] = cells.filter((cell) => cell.name === name);
    const ratio = median(nest.costs) / median(chain.costs);
    const { goal } = CASES[name];
    const verdict = goal === undefined ? '' : `  goal ${goal}: ${ratio >= goal ? 'met' : 'MISSED'}`;
    const costs = `ours ${median(chain.costs).toFixed(0).padStart(6)}  nest ${median(nest.costs).toFixed(0).padStart(6)}`;
    console.log(`${name.padEnd(27)} ${chain.kind.padEnd(7)} ${costs}  ${ratio.toFixed(1).padStart(6)} x${verdict}`);
  }
}

function inChild(method, subject) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [method, subject], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', (code) => code !== 0 && reject(new Error(`${method} by ${subject} ended with ${code}.`)));
  });
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function measure(method, subject) {
  const { call, kind } = await open(method, subject);
  const calls = CALLS[subject];
  await run(call, calls / 3);
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const before = process.cpuUsage();
    await run(call, calls);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, ((user + system) * 1000) / calls);
  }
  return { costNs: best, kind };
}

// As the executor calls: a result that is no promise is not awaited. A job that is done at once does not turn the loop.
async function run(call, calls) {
  const job = { id: 'a' };
  const payload = { to: 'somebody', text: 'hello' };
  for (let i = 0; i < calls; i++) {
    const result = call(payload, job);
    if (result instanceof Promise) await result;
  }
}

async function open(method, subject) {
  await import('reflect-metadata');
  const { Module, UseGuards, UseInterceptors } = await import('@nestjs/common');
  const { ApplicationConfig, ExternalContextCreator, ModuleRef, ModulesContainer, NestFactory } = await import('@nestjs/core');
  const { Ctx, Payload } = await import('@nestjs/microservices');
  const { map } = await import('rxjs');
  const { HandlerCompiler } = await import('../dist/nest/handler-chain.js');

  let sum = 0;
  const guard = { canActivate: () => true };
  const pipe = { transform: (value) => value };
  const interceptor = { intercept: (_context, next) => next.handle().pipe(map((value) => value)) };
  class Handlers {
    none() {
      return ++sum;
    }
    async noneAsync() {
      return ++sum;
    }
    both(payload, job) {
      sum += payload.to.length + job.id.length;
    }
    async bothAsync(payload, job) {
      sum += payload.to.length + job.id.length;
    }
  }
  for (const name of ['guarded', 'intercepted', 'everything']) {
    Object.defineProperty(Handlers.prototype, name, { value: (payload) => void (sum += payload.to.length), writable: true, configurable: true });
    const asynchronous = async (payload) => void (sum += payload.to.length);
    Object.defineProperty(Handlers.prototype, `${name}Async`, { value: asynchronous, writable: true, configurable: true });
  }
  const decorate = (name, decorators) => {
    for (const decorator of decorators) decorator(Handlers.prototype, name, Object.getOwnPropertyDescriptor(Handlers.prototype, name));
  };
  for (const name of ['both', 'bothAsync']) {
    Ctx()(Handlers.prototype, name, 1);
    Payload()(Handlers.prototype, name, 0);
  }
  for (const suffix of ['', 'Async']) {
    Payload(pipe)(Handlers.prototype, `guarded${suffix}`, 0);
    decorate(`guarded${suffix}`, [UseGuards(guard)]);
    Payload()(Handlers.prototype, `intercepted${suffix}`, 0);
    decorate(`intercepted${suffix}`, [UseInterceptors(interceptor)]);
    Payload(pipe)(Handlers.prototype, `everything${suffix}`, 0);
    decorate(`everything${suffix}`, [UseGuards(guard), UseInterceptors(interceptor)]);
  }
  class App {}
  Module({ providers: [Handlers] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const modules = app.get(ModulesContainer);
  const [moduleKey, module] = [...modules].find(([, candidate]) => candidate.metatype === App);
  const instance = app.get(Handlers);
  const creator = app.get(ExternalContextCreator);
  if (subject === 'nest') {
    const parameters = { exchangeKeyForValue: (type, data, args) => (type === 3 ? (data ? args[0]?.[data] : args[0]) : args[1]) };
    const options = { guards: true, interceptors: true, filters: true };
    const call = creator.create(instance, instance[method], method, '__routeArguments__', parameters, undefined, undefined, options, 'rpc');
    return { call, kind: 'nest' };
  }
  const compiler = new HandlerCompiler(creator, app.get(ApplicationConfig), app.get(ModuleRef), modules);
  const wrapper = module.providers.get(Handlers);
  const handler = compiler.compile({ instance, methodName: method, metatype: Handlers, wrapper, moduleKey, isController: false });
  return { call: (payload, job) => handler(() => payload, job), kind: handler.kind };
}
