import { isMainThread } from 'node:worker_threads';
import { takeStandardStreams } from './standard-streams.js';
import { WorkerEnvironment } from './worker-environment.js';

// Loaded by `node --import <this file> app.js`, before the first line of the application: nothing that it prints can reach the relay.
// Threads of the worker load it too, and processes that a kernel did not spawn.
const environment = WorkerEnvironment.fromProcess();
if (isMainThread && environment.mode !== '' && environment.relayAddress === 'pipes' && environment.relayDescriptor === undefined)
  takeStandardStreams();
