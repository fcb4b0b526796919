// The goals of the drivers of brokers. Their rows make the ratios themselves: the subjects take turns in one process.
import { PEERS } from './brokers/subject.mjs';
import { absent, atLeast, atMost, plainScale } from './claims.mjs';
import { rows as brokers } from './rows/brokers.mjs';

/** @typedef {import('./claims.mjs').Claim} Claim */
/** @typedef {import('./claims.mjs').Read} Read */

/** Peers of the rows of brokers, as the table calls them. */
const PEER_NAMES = /** @type {Record<string, string>} */ ({
  amqplib: 'raw amqplib with the same messages',
  bare: 'the raw client with bare messages',
  rabbitmqClient: 'rabbitmq-client with the same messages',
  nest: "Nest's own transport",
  golevelup: '@golevelup/nestjs-rabbitmq',
  kafkajs: 'raw kafkajs with the same records, 500 at once',
  platformatic: 'raw @platformatic/kafka, 500 at once',
  raw: 'the raw client with the same messages',
});
const INSTALLED_APART = new Set(['rabbitmqClient', 'nest', 'golevelup', 'platformatic']);
/** They cannot be paused, so nothing can be pushed without being handled. */
const ALWAYS_HANDLING = new Set(['nest', 'golevelup']);

/** @returns {readonly Claim[]} */
export function brokerClaims() {
  return [
    ...brokerTimes('12', 'amqp', 'amqp', { amqplib: 0.9, bare: 0.9, rabbitmqClient: 0.9, nest: 1.5, golevelup: undefined }),
    brokerCpu('12', 'amqp', 'amqp', 'amqplib'),
    brokerCpu('12', 'amqp', 'amqp', 'bare'),
    ...brokerTimes('13', 'kafka, batches of 500', 'kafka', { platformatic: 0.85, nest: 12, kafkajs: undefined, bare: undefined }),
    ...brokerTimes('13', 'kafka, single pushes', 'kafka', { platformatic: 0.85, nest: 12, kafkajs: undefined, bare: undefined }),
    ...brokerTimes('14', 'beanstalk', 'beanstalk', { raw: 0.85, bare: undefined }),
    brokerCpu('14', 'beanstalk', 'beanstalk', 'raw'),
    ...brokerTimes('–', 'sqs', 'sqs', { raw: undefined }),
    brokerIdle('amqp', 10),
    brokerIdle('beanstalk', 10),
    brokerIdle('kafka', 10),
    brokerIdle('sqs', undefined),
  ];
}

/**
 * Pushed while they are handled, and each alone for scale: how many times as fast as others on the same broker.
 *
 * @param {string} goal
 * @param {string} row
 * @param {string} broker
 * @param {Readonly<Record<string, number | undefined>>} peers - What is wanted against each; `undefined`: for scale.
 * @returns {Claim[]}
 */
function brokerTimes(goal, row, broker, peers) {
  return Object.entries(peers).flatMap(([peer, least]) => {
    const what = `${row}, against ${PEER_NAMES[peer] ?? peer}`;
    const missing = missingFor(row, broker, peer);
    if (missing !== undefined) return [absent(goal, what, least === undefined ? '–' : `≥ ${least}`, missing)];
    const values = (/** @type {Read} */ read) => read(`brokers: ${row}`, `${peer}.both`);
    const both = least === undefined ? plainScale(goal, what, values) : atLeast(goal, what, least, values);
    const parts = ALWAYS_HANDLING.has(peer)
      ? []
      : ['push', 'consume'].map((part) => plainScale(goal, `${what}: ${part} alone`, (read) => read(`brokers: ${row}`, `${peer}.${part}`)));
    return [{ ...both, wall: values }, ...parts];
  });
}

/**
 * @param {string} goal
 * @param {string} row
 * @param {string} broker
 * @param {string} peer
 */
function brokerCpu(goal, row, broker, peer) {
  const what = `${row}, processor time against ${PEER_NAMES[peer] ?? peer}`;
  const missing = missingFor(row, broker, peer);
  if (missing !== undefined) return absent(goal, what, '≤ 1.3', missing);
  return atMost(goal, what, 1.3, '', (read) => read(`brokers: ${row}`, `${peer}.bothCpu`));
}

/**
 * @param {string} broker
 * @param {number | undefined} mostMs
 */
function brokerIdle(broker, mostMs) {
  const what = `${broker}, idle push → handler start, p99`;
  const missing = missingFor(`${broker}, idle`, broker, 'library');
  if (missing !== undefined) return absent('16', what, mostMs === undefined ? '–' : `≤ ${mostMs} ms`, missing);
  const claim = atMost('16', what, mostMs ?? Infinity, 'ms', (read) => read(`brokers: ${broker}, idle`, 'p99').map((us) => us / 1_000));
  return mostMs === undefined ? { ...claim, target: '–', remark: 'for scale' } : claim;
}

/**
 * @param {string} row
 * @param {string} broker
 * @param {string} peer
 */
function missingFor(row, broker, peer) {
  if (brokers[row] === undefined) return `broker absent: NRR_TEST_${broker.toUpperCase()}_URL is not set`;
  return PEERS === undefined && INSTALLED_APART.has(peer) ? 'peer absent: NRR_BENCH_PEERS is not set' : undefined;
}
