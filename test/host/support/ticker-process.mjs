// An application of the built library that serves ticks where it was spawned for them. Arguments: the library, the file of the ticks.
const [, , dist, path] = process.argv;
const { DispatcherHost, KernelEnvironment, TickerDispatcher } = await import(`${dist}/runtime/index.js`);
const { Worker } = await import(`${dist}/runtime/worker.js`);

const host = new DispatcherHost(new KernelEnvironment(process.env));
host.finalizer.add((terminate) => console.log(`finalized, terminate: ${terminate}`));
host.addDispatcher(new TickerDispatcher({ worker: () => Worker.create(), finalizer: host.finalizer, path }));
await host.serve();
await host.finalizer.finalize(true);
