/** The context of an answer is `{"stop":true}`. */
export function asksForRestart(context: Uint8Array): boolean {
  try {
    const json: unknown = JSON.parse(Buffer.from(context.buffer, context.byteOffset, context.length).toString());
    return typeof json === 'object' && json !== null && (json as { stop?: unknown }).stop === true;
  } catch {
    // Any other context is allowed and means nothing.
    return false;
  }
}
