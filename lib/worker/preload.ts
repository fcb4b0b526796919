import { guardOutput } from './output-guard.js';
import { WorkerEnvironment } from './worker-environment.js';

// Loaded by `node --import <this file> app.js`, before the first line of the application: nothing that it prints can reach the relay.
// Threads of the worker load it too, and processes that a kernel did not spawn.
const environment = WorkerEnvironment.fromProcess();
if (environment.mode !== '') guardOutput(environment);
