/** What Node says of a certificate that it does not believe. */
const DISTRUST: ReadonlySet<unknown> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** True for the code of an error that says that the certificate of the other side is not to be trusted: waiting does not heal it. */
export function isDistrust(code: unknown): boolean {
  return DISTRUST.has(code);
}
