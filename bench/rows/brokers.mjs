// Jobs through a real broker, beside its raw client, other clients and Nest's own transports doing the same work. All take turns in one process.
// A row runs where the broker's address is known, peers that are no dependencies of the project where NRR_BENCH_PEERS names their folder:
//
//   npm run brokers -- amqp beanstalk kafka sqs -- npm run bench -- --only brokers
import { randomUUID } from 'node:crypto';
import { openAmqp, openIdleAmqp } from '../brokers/amqp.mjs';
import { openBeanstalk, openIdleBeanstalk } from '../brokers/beanstalk.mjs';
import { openIdleKafka, openKafka } from '../brokers/kafka.mjs';
import { openIdleSqs, openSqs } from '../brokers/sqs.mjs';
import { measureIdle, measureInTurns } from '../brokers/turns.mjs';

/** @typedef {import('../brokers/turns.mjs').Subjects} Subjects */

/** @type {Record<string, { broker: string, open: (url: string, name: string) => Promise<Subjects>, measure: (subjects: Subjects) => Promise<Record<string, number>> }>} */
const ROWS = {
  amqp: { broker: 'amqp', open: openAmqp, measure: (subjects) => measureInTurns(subjects, { jobs: 2_000, warmUp: 6_000 }) },
  beanstalk: { broker: 'beanstalk', open: openBeanstalk, measure: (subjects) => measureInTurns(subjects, { jobs: 5_000, warmUp: 15_000 }) },
  'kafka, batches of 500': { broker: 'kafka', open: (url, name) => openKafka(url, name, 'batches'), measure: inTurnsOfKafka },
  'kafka, single pushes': { broker: 'kafka', open: (url, name) => openKafka(url, name, 'single pushes'), measure: inTurnsOfKafka },
  sqs: { broker: 'sqs', open: openSqs, measure: (subjects) => measureInTurns(subjects, { jobs: 500, warmUp: 500 }) },
  'amqp, idle': { broker: 'amqp', open: openIdleAmqp, measure: idle },
  'beanstalk, idle': { broker: 'beanstalk', open: openIdleBeanstalk, measure: idle },
  'kafka, idle': { broker: 'kafka', open: openIdleKafka, measure: idle },
  'sqs, idle': { broker: 'sqs', open: openIdleSqs, measure: idle },
};

/** @type {Record<string, () => Promise<Record<string, number>>>} */
export const rows = Object.fromEntries(
  Object.entries(ROWS).flatMap(([name, { broker, open, measure }]) => {
    const url = process.env[`NRR_TEST_${broker.toUpperCase()}_URL`];
    return url === undefined ? [] : [[name, async () => measure(await open(url, `bench-${randomUUID()}`))]];
  }),
);

/** @param {Subjects} subjects */
function inTurnsOfKafka(subjects) {
  return measureInTurns(subjects, { jobs: 5_000, warmUp: 10_000 });
}

/** @param {Subjects} subjects */
function idle(subjects) {
  return measureIdle(subjects, { samples: 200, warmUp: 1_000 });
}
