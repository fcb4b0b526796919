// Spawns a worker, tells its process id and waits to be killed.
import { spawn } from 'node:child_process';

const child = spawn(process.execPath, process.argv.slice(2), { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, RR_MODE: 'jobs' } });
process.stdout.write(`${child.pid}\n`);
