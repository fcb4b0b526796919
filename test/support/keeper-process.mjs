// A run of specs in small: a keeper of brokers, and a worker that asks it for one and would live for ever. Prints the pid of the worker.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BrokerKeeper } from '../../scripts/brokers/keeper.mjs';

const keeper = new BrokerKeeper();
const address = await keeper.listen();
const worker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000); console.log("up")', 'jest-worker'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
await once(worker.stdout, 'data');
const response = await fetch(`${address}/start`, { method: 'POST', body: JSON.stringify({ name: 'beanstalk', own: true, pid: worker.pid }) });
const { url } = await response.json();
console.log(`${url} ${worker.pid}`);
