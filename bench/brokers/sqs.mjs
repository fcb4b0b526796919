// Subjects on SQS, or a server that speaks like it. The raw one makes the requests itself, ten messages in each.
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { PAYLOAD } from '../support/drain.mjs';
import { Arrivals, PREFETCH, inLots, openLibrary } from './subject.mjs';

const AT_ONCE = 200;
const BATCH = 10;
/** Requests under way at once, as the driver has them. */
const PARALLEL = 8;
const REGION = 'elasticmq';
const KEY = 'x';
/** What RoadRunner's consumers want to see, and the driver writes. */
const ATTRIBUTES = {
  rr_id: { DataType: 'String', StringValue: '3f0c1c1e-8f3e-4a57-9a3c-4f6d0a3b7a11' },
  rr_job: { DataType: 'String', StringValue: 'echo' },
  rr_delay: { DataType: 'String', StringValue: '0' },
  rr_headers: { DataType: 'Binary', BinaryValue: Buffer.from('{}') },
  rr_priority: { DataType: 'Number', StringValue: '10' },
  rr_auto_ack: { DataType: 'String', StringValue: 'false' },
};

/**
 * @param {string} url
 * @param {string} name - Of the queues.
 */
export async function openSqs(url, name) {
  return { ...(await openIdleSqs(url, name)), raw: await openRaw(url, `${name}-raw`) };
}

/**
 * @param {string} url
 * @param {string} queue
 */
export async function openIdleSqs(url, queue) {
  const section = { endpoint: url, region: REGION, key: KEY, secret: KEY };
  return { library: await openLibrary({ driver: 'sqs', queue, prefetch: PREFETCH, waitTimeSeconds: 1 }, { sqs: section }, AT_ONCE) };
}

/**
 * @param {string} url
 * @param {string} name
 * @returns {Promise<import('./subject.mjs').Subject>}
 */
async function openRaw(url, name) {
  const client = new SQSClient({ endpoint: url, region: REGION, credentials: { accessKeyId: KEY, secretAccessKey: KEY } });
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name }));
  const arrivals = new Arrivals();
  const entries = Array.from({ length: BATCH }, (_, index) => ({ Id: String(index), MessageBody: PAYLOAD, MessageAttributes: ATTRIBUTES }));
  const send = () => client.send(new SendMessageBatchCommand({ QueueUrl, Entries: entries }));
  const consumer = { isRunning: false };
  /** @type {Promise<unknown>} */
  let working = Promise.resolve();
  /** @type {Set<Promise<unknown>>} */
  const deletes = new Set();
  const work = async () => {
    while (consumer.isRunning) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: BATCH,
          WaitTimeSeconds: 1,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) continue;
      for (const { Body = '' } of Messages) arrivals.handled(Body.length);
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      const deleted = client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      deletes.add(deleted);
      void deleted.finally(() => deletes.delete(deleted));
    }
  };
  return {
    arrivals,
    push: (jobs) => inLots(jobs / BATCH, PARALLEL, send),
    resume: () => {
      consumer.isRunning = true;
      working = work();
    },
    pause: async () => {
      consumer.isRunning = false;
      await working;
      await Promise.all(deletes);
    },
    close: async () => {
      await client.send(new DeleteQueueCommand({ QueueUrl }));
      client.destroy();
    },
  };
}
