import type { Payload } from '../../contract/job.js';

// Values of the `nrr.*` methods as JSON: a payload of bytes is `{ "base64": … }`, one of text is itself.

/** JSON of an answer or of arguments. */
export function writeNrr(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value ?? null, replaceBytes));
}

// `this` holds the value as it was: a Buffer has its own idea of JSON.
function replaceBytes(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const field = this[key];
  return field instanceof Uint8Array ? { base64: base64Of(field) } : value;
}

/** A list of jobs with their payloads as they were. */
export function withPayloads<T extends { readonly jobs: readonly { readonly payload: Payload }[] }>(page: T): T {
  return { ...page, jobs: page.jobs.map(withPayload) };
}

export function withPayload<T extends { readonly payload: Payload | { readonly base64: string } }>(job: T): T {
  const { payload } = job;
  return typeof payload === 'object' && 'base64' in payload ? { ...job, payload: new Uint8Array(Buffer.from(payload.base64, 'base64')) } : job;
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
