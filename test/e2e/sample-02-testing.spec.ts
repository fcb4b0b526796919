import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SAMPLE = fileURLToPath(new URL('../../sample/02-testing', import.meta.url));
const TIMEOUT_MS = 40_000;

interface JestReport {
  readonly success: boolean;
  readonly numTotalTestSuites: number;
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTests: number;
  readonly openHandles: readonly unknown[];
}

const run = promisify(execFile);

describe('sample/02-testing', () => {
  it(
    'passes its own tests with its own configuration, and leaves nothing open',
    async () => {
      const jest = `${ROOT}/node_modules/jest/bin/jest.js`;
      const args = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', jest, '--json', '--detectOpenHandles'];
      // A failing test ends jest with a status; the report says which.
      const { stdout, stderr } = await run(process.execPath, args, { cwd: SAMPLE, maxBuffer: 16e6 }).catch(
        (error: { stdout: string; stderr: string }) => error,
      );
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
      const compiler = `${ROOT}/node_modules/typescript7/bin/tsc`;
      const { stdout } = await run(process.execPath, [compiler, '-p', 'test/tsconfig.json'], { cwd: SAMPLE }).catch(
        (error: { stdout: string }) => error,
      );
      expect(stdout).toBe('');
    },
    TIMEOUT_MS,
  );
});
