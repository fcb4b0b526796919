// The brokers that are known, by the name of their driver.
import { beanstalkd } from './beanstalkd.mjs';
import { elasticmq } from './elasticmq.mjs';
import { kafka } from './kafka.mjs';
import { rabbitmq } from './rabbitmq.mjs';

/** @type {readonly import('./broker.mjs').BrokerKind[]} */
export const kinds = [rabbitmq, beanstalkd, elasticmq, kafka];

/**
 * @param {string} name
 * @throws Error when there is no such broker.
 */
export function kindOf(name) {
  const kind = kinds.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(`No broker is called "${name}". There are: ${kinds.map((candidate) => candidate.name).join(', ')}.`);
  return kind;
}

/**
 * @param {string} name
 * @throws Error when that broker has no listeners with TLS and passwords here.
 */
export function secureKindOf(name) {
  const { secure, server } = kindOf(name);
  if (secure === undefined) throw new Error(`${server} has no secure listeners here.`);
  return secure;
}

/**
 * @param {string} name
 * @returns {string} The variable that names a broker which runs already: `NRR_TEST_AMQP_URL`.
 */
export function urlVariable(name) {
  return `NRR_TEST_${name.toUpperCase()}_URL`;
}
