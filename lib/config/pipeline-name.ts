const MAX_NAME_BYTES = 255;
const LONE_SURROGATE = /\p{Cs}/u;

export const PIPELINE_NAME_EXPECTED = `a name of 1 to ${MAX_NAME_BYTES} bytes`;

/** Any text counts, dots, upper case and `__proto__` included, as long as it has a UTF-8 form of 1 to 255 bytes. */
export function isPipelineName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= MAX_NAME_BYTES && !LONE_SURROGATE.test(name);
}
