type DeclareTest = (name: string, test: (() => Promise<void>) | (() => void), timeoutMs?: number) => void;
type DeclareSuite = (name: string, suite: () => void) => void;

/** `it` where nothing is missing. Elsewhere the test is skipped, with the reason in its name. */
export function itUnless(missing: string | undefined): DeclareTest {
  return missing === undefined ? it : (name, test) => it.skip(`${name} (skipped: ${missing})`, test);
}

/** `describe` where nothing is missing. Elsewhere its tests are skipped, with the reason in its name. */
export function describeUnless(missing: string | undefined): DeclareSuite {
  return missing === undefined ? describe : (name, suite) => describe.skip(`${name} (skipped: ${missing})`, suite);
}
