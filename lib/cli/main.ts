#!/usr/bin/env node
import { buffer } from 'node:stream/consumers';
import { runCli } from './cli.js';
import type { CliIo } from './io.js';

const io: CliIo = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  environment: process.env,
  workingDirectory: process.cwd(),
  changeDirectory: (folder) => process.chdir(folder),
  readInput: () => buffer(process.stdin),
  onStop: (listener) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, listener);
  },
  // A second signal does not wait for anything that is still open.
  exit: (code) => process.exit(code),
};

// A reader that has seen enough, such as `head`, is no error.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
process.exitCode = await runCli(process.argv.slice(2), io);
