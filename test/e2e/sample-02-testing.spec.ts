import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SAMPLE = fileURLToPath(new URL('../../sample/02-testing', import.meta.url));
const TIMEOUT_MS = 40_000;
const MAX_OUTPUT_BYTES = 16_000_000;

interface JestReport {
  readonly success: boolean;
  readonly numTotalTestSuites: number;
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTests: number;
  readonly openHandles: readonly unknown[];
}

/** What a Node program prints in the folder of the sample, whatever its status. */
function run(args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: SAMPLE, maxBuffer: MAX_OUTPUT_BYTES }, (_error, stdout, stderr) => resolve({ stdout, stderr }));
  });
}

describe('sample/02-testing', () => {
  it(
    'passes its own tests with its own configuration, and leaves nothing open',
    async () => {
      const jest = `${ROOT}/node_modules/jest/bin/jest.js`;
      const { stdout, stderr } = await run(['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', jest, '--json', '--detectOpenHandles']);
      const report = JSON.parse(stdout) as JestReport;
      expect(report.success ? '' : stderr).toBe('');
      expect(report).toMatchObject({ numFailedTests: 0, numPendingTests: 0, openHandles: [] });
      expect(report.numPassedTests).toBeGreaterThan(0);
      expect(report.numTotalTestSuites).toBe(readdirSync(`${SAMPLE}/test`).filter((file) => file.endsWith('.spec.ts')).length);
    },
    TIMEOUT_MS,
  );

  it(
    'has tests whose types are right',
    async () => {
      const { stdout, stderr } = await run([`${ROOT}/node_modules/typescript7/bin/tsc`, '-p', 'test/tsconfig.json']);
      expect(stdout + stderr).toBe('');
    },
    TIMEOUT_MS,
  );
});
