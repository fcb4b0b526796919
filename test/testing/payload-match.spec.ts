import { isPayloadMatch, shownPayload } from '../../lib/testing/payload-match.js';

describe('isPayloadMatch', () => {
  it('asks only for the keys that are given, however deep', () => {
    const payload = { to: 'ada@example.com', order: { id: 7, lines: [{ sku: 'a', count: 2 }] } };
    expect(isPayloadMatch(payload, { order: { id: 7 } })).toBe(true);
    expect(isPayloadMatch(payload, { order: { lines: [{ sku: 'a' }] } })).toBe(true);
    expect(isPayloadMatch(payload, { order: { id: 8 } })).toBe(false);
    expect(isPayloadMatch(payload, { order: { lines: [{ sku: 'b' }] } })).toBe(false);
  });

  it('tells a missing key from one that is expected', () => {
    expect(isPayloadMatch({}, { to: 'ada@example.com' })).toBe(false);
    expect(isPayloadMatch({ to: null }, { to: undefined })).toBe(false);
    expect(isPayloadMatch({}, { to: undefined })).toBe(true);
  });

  it('compares lists by all of their items', () => {
    expect(isPayloadMatch([1, 2], [1, 2])).toBe(true);
    expect(isPayloadMatch([1, 2, 3], [1, 2])).toBe(false);
    expect(isPayloadMatch([1], [1, 2])).toBe(false);
    expect(isPayloadMatch({ 0: 1, length: 1 }, [1])).toBe(false);
    expect(isPayloadMatch([1], { 0: 1 })).toBe(false);
  });

  it('compares bytes by all of their bytes', () => {
    expect(isPayloadMatch(new Uint8Array([1, 2]), new Uint8Array([1, 2]))).toBe(true);
    expect(isPayloadMatch(new Uint8Array([1, 2, 3]), new Uint8Array([1, 2]))).toBe(false);
    expect(isPayloadMatch(new Uint8Array([1, 3]), new Uint8Array([1, 2]))).toBe(false);
  });

  it('compares plain values exactly', () => {
    expect(isPayloadMatch('7', 7)).toBe(false);
    expect(isPayloadMatch(7, 7)).toBe(true);
    expect(isPayloadMatch(null, null)).toBe(true);
    expect(isPayloadMatch(undefined, null)).toBe(false);
    expect(isPayloadMatch('text', { length: 4 })).toBe(false);
  });

  it('compares a Date with the text that JSON made of it', () => {
    const at = new Date('2026-01-02T03:04:05Z');
    expect(isPayloadMatch({ at: at.toISOString() }, { at })).toBe(true);
    expect(isPayloadMatch({ at: '2026-01-02' }, { at })).toBe(false);
  });

  it('asks the matchers of test runners', () => {
    expect(isPayloadMatch({ to: 'ada@example.com' }, { to: expect.stringContaining('@') })).toBe(true);
    expect(isPayloadMatch({ to: 7 }, { to: expect.any(String) })).toBe(false);
    expect(isPayloadMatch({ tags: ['a', 'b'] }, expect.objectContaining({ tags: expect.arrayContaining(['b']) }))).toBe(true);
  });
});

describe('shownPayload', () => {
  it('writes JSON on one line, matchers by their names', () => {
    expect(shownPayload({ to: expect.any(String), count: 2 })).toBe('{"to":"Any<String>","count":2}');
  });

  it('counts bytes and cuts what is long', () => {
    expect(shownPayload(new Uint8Array(5))).toBe('5 bytes');
    expect(shownPayload('x'.repeat(400))).toBe(`"${'x'.repeat(299)}…`);
    expect(shownPayload(undefined)).toBe('undefined');
  });
});
