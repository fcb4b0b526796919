import type { JobsModuleOptions } from 'nestjs-roadrunner';
import { EMAILS } from './emails/email-jobs.js';
import type { JobsDriver, Settings } from './settings.js';

type QueueOptions = Pick<JobsModuleOptions, 'pipelines' | 'amqp' | 'beanstalk' | 'sqs' | 'kafka'>;

/** The same for every driver: jobs that one kernel handles at once, and how often a job is tried. */
const COMMON = { concurrency: 4, attempts: 3 };

/** Everything that differs from one driver to the next. No other file of the application knows where its jobs lie. */
const QUEUES: Readonly<Record<JobsDriver, (settings: Settings) => QueueOptions>> = {
  memory: () => ({ pipelines: { [EMAILS]: { driver: 'memory', ...COMMON } } }),

  embedded: () => ({ pipelines: { [EMAILS]: { driver: 'embedded', ...COMMON } } }),

  amqp: ({ brokerUrl, queue }) => ({
    amqp: { addr: brokerUrl ?? 'amqp://guest:guest@127.0.0.1:5672' },
    // Jobs lent to a kernel that dies go to the other one at once. A small prefetch keeps the two evenly busy.
    pipelines: { [EMAILS]: { driver: 'amqp', queue, exchange: queue, durable: true, exchangeDurable: true, prefetch: 10, ...COMMON } },
  }),

  beanstalk: ({ brokerUrl, queue }) => ({
    beanstalk: { addr: brokerUrl ?? 'tcp://127.0.0.1:11300' },
    pipelines: { [EMAILS]: { driver: 'beanstalk', tube: queue, ...COMMON } },
  }),

  sqs: ({ brokerUrl, queue }) => ({
    // Without an endpoint the service of Amazon is meant, and credentials come from the environment.
    sqs: { endpoint: brokerUrl ?? 'http://127.0.0.1:9324', region: 'us-east-1', key: 'local', secret: 'local' },
    // What a dead kernel had received comes back when this time is over. Unit: seconds.
    pipelines: { [EMAILS]: { driver: 'sqs', queue, visibilityTimeout: 5, waitTimeSeconds: 1, ...COMMON } },
  }),

  kafka: ({ brokerUrl, queue }) => ({
    kafka: { brokers: [brokerUrl === undefined ? '127.0.0.1:9092' : new URL(brokerUrl).host] },
    pipelines: {
      [EMAILS]: {
        driver: 'kafka',
        autoCreateTopicsEnable: true,
        consumerOptions: { topics: [queue] },
        // The group gives the partitions of a dead kernel to the other one when this time is over.
        groupOptions: { groupId: `${queue}-workers`, sessionTimeout: '6s', heartbeatInterval: '1s' },
        ...COMMON,
      },
    },
  }),
};

/** Where the jobs of the application lie. */
export function queueOptions(settings: Settings): QueueOptions {
  return QUEUES[settings.driver](settings);
}
