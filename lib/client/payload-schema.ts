import { JobsArgumentError } from '../contract/errors.js';
import { JobValidationError } from '../contract/job-errors.js';
import type { StandardIssue, StandardResult, StandardSchema } from '../contract/standard-schema.js';

/**
 * Checks a payload. The answer is the schema's output, which may differ from the value: defaults filled in, texts trimmed.
 *
 * @throws JobValidationError when the value does not match; as a rejection when the schema answers by promise.
 */
export function validatePayload<Output>(job: string, schema: StandardSchema<Output>, value: unknown): Output | Promise<Output> {
  const result = schema['~standard'].validate(value);
  return isPromise(result) ? result.then((late) => outputOf(job, late)) : outputOf(job, result);
}

/** @throws JobsArgumentError when it is none. */
export function checkedSchema(job: string, schema: unknown): void {
  const standard = (schema as { '~standard'?: { validate?: unknown } } | null | undefined)?.['~standard'];
  if (typeof standard?.validate === 'function') return;
  throw new JobsArgumentError(`The schema of job "${job}" is no Standard Schema. Give one of zod, valibot, arktype or another that has "~standard".`);
}

/** Also one of another realm or library. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function outputOf<Output>(job: string, result: StandardResult<Output>): Output {
  if (result.issues === undefined) return result.value;
  throw new JobValidationError(
    job,
    result.issues.map((issue) => ({ path: pathOf(issue), message: issue.message })),
  );
}

function pathOf({ path = [] }: StandardIssue): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
