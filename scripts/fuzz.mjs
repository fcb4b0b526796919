// Malformed frames against the RPC server, far more than a test run has time for. NRR_FUZZ: how many; NRR_SEED: which.
import { join } from 'node:path';
import { ROOT, runNode } from './support/process.mjs';

const CASES = process.env['NRR_FUZZ'] ?? '100000';

await runNode(
  ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', join(ROOT, 'node_modules/jest/bin/jest.js'), 'test/faults/rpc-fuzz.spec.ts'],
  { env: { ...process.env, NRR_FUZZ: CASES } },
);
