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
    const signals = ['SIGTERM', 'SIGINT'] as const;
    const stop = (signal: NodeJS.Signals): void => {
      for (const one of signals) process.removeListener(one, stop);
      listener(signal);
    };
    for (const signal of signals) process.once(signal, stop);
  },
};

// A reader that has seen enough, such as `head`, is no error.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
process.exitCode = await runCli(process.argv.slice(2), io);
