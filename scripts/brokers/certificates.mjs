// Certificates for a server on 127.0.0.1 and for one client, of an authority that nobody else trusts. They are made anew for each server.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/process.mjs';
import { onPath } from './system.mjs';

const OPENSSL = 'openssl';
const DAYS = '2';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const TIMEOUT_MS = 30_000;

/**
 * Paths of PEM files.
 *
 * @typedef {object} CertificateFiles
 * @property {string} authority
 * @property {string} certificate - Of the server, for `127.0.0.1` and `localhost`.
 * @property {string} key
 * @property {string} clientCertificate
 * @property {string} clientKey
 */

/** @returns {string | undefined} What is missing here to make them. */
export function missingForCertificates() {
  return onPath(OPENSSL) === undefined ? 'no openssl' : undefined;
}

/**
 * @param {string} folder
 * @returns {CertificateFiles} Where they are, or will be.
 */
export function certificateFiles(folder) {
  return {
    authority: join(folder, 'ca.pem'),
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
    clientCertificate: join(folder, 'client.pem'),
    clientKey: join(folder, 'client.key'),
  };
}

/**
 * Makes those that are not there.
 *
 * @param {string} folder
 */
export async function makeCertificates(folder) {
  const { authority, certificate, key, clientCertificate, clientKey } = certificateFiles(folder);
  const authorityKey = join(folder, 'ca.key');
  const signed = ['-CA', authority, '-CAkey', authorityKey];
  if (!existsSync(authority)) await makeOne('authority', authorityKey, authority, []);
  if (!existsSync(certificate)) await makeOne('localhost', key, certificate, [...signed, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']);
  if (!existsSync(clientCertificate)) await makeOne('ada', clientKey, clientCertificate, [...signed, '-addext', 'basicConstraints=CA:FALSE']);
}

/**
 * @param {string} name
 * @param {string} keyFile
 * @param {string} file
 * @param {readonly string[]} more
 */
async function makeOne(name, keyFile, file, more) {
  const args = ['req', '-x509', ...KEY, '-keyout', keyFile, '-out', file, '-days', DAYS, '-subj', `/CN=${name}`, ...more];
  await run(OPENSSL, args, { quiet: true, timeoutMs: TIMEOUT_MS });
}
