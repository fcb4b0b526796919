import { aJob, bytesOf, textOf } from '../support/jobs.js';
import { broker } from '../support/brokers.js';
import { openSqs, RawQueue, stopSqs } from '../support/sqs.js';

// What RoadRunner 2025.1 sends and reads, byte by byte.
const ID = '88ca6810-eab9-473d-a8fd-4b4ae457b7dc';
const HEADERS_BASE64 = 'eyJ4LXRva2VuIjpbIklERFFEIl19';
const ATTRIBUTES = {
  rr_id: { DataType: 'String', StringValue: ID },
  rr_job: { DataType: 'String', StringValue: 'email.send' },
  rr_delay: { DataType: 'String', StringValue: '5' },
  rr_headers: { DataType: 'Binary', BinaryValue: new Uint8Array(Buffer.from(HEADERS_BASE64, 'base64')) },
  rr_priority: { DataType: 'Number', StringValue: '7' },
  rr_auto_ack: { DataType: 'String', StringValue: 'false' },
};
const JOB = { id: ID, name: 'email.send', payload: '{"hello":"world"}', headers: { 'x-token': ['IDDQD'] }, priority: 7 };

const sqs = await broker('sqs');

sqs.suite('sqs and RoadRunner on the same queue', () => {
  afterEach(stopSqs);

  const open = async (options: Parameters<typeof openSqs>[1] = {}) => {
    const opened = await openSqs(sqs.url, options);
    const isFifo = opened.queue.endsWith('.fifo');
    return { ...opened, raw: await RawQueue.open(sqs.url, opened.queue, isFifo ? { FifoQueue: 'true' } : {}) };
  };
  const fifo = () => `interop-${crypto.randomUUID()}.fifo`;

  it('sends a delayed job as RoadRunner does (vector S1)', async () => {
    const { driver, raw } = await open();
    await driver.push(aJob({ ...JOB, delayMs: 5_000 }));
    expect(await raw.attributes()).toMatchObject({ ApproximateNumberOfMessagesDelayed: '1' });
    const sentAt = Date.now();
    const message = await raw.receive();
    expect(Date.now() - sentAt).toBeGreaterThan(4_000);
    expect(message.Body).toBe('{"hello":"world"}');
    expect(message.MessageAttributes).toEqual(ATTRIBUTES);
  }, 20_000);

  it('reads a job that RoadRunner sent (vector S1)', async () => {
    const { driver, inbox, raw } = await open();
    await raw.send({ MessageBody: '{"hello":"world"}', DelaySeconds: 1, MessageAttributes: ATTRIBUTES });
    await driver.run();
    const { job } = await inbox.next();
    expect(job).toMatchObject({ id: ID, name: 'email.send', pipeline: 'contract', payload: '{"hello":"world"}', priority: 7, autoAck: false });
    expect({ ...job.headers }).toMatchObject({ 'x-token': ['IDDQD'] });
  });

  it('sends to a FIFO queue as RoadRunner does: the delay only as a word, the id against duplicates (vector S2)', async () => {
    const { driver, raw } = await open({ queue: fifo(), messageGroupId: 'RR' });
    await driver.push(aJob({ ...JOB, delayMs: 5_000 }));
    const message = await raw.receive();
    expect(message.MessageAttributes).toEqual(ATTRIBUTES);
    expect(message.Attributes).toMatchObject({ MessageGroupId: 'RR', MessageDeduplicationId: ID });
  });

  it('reads a job that RoadRunner sent to a FIFO queue (vector S2), and honours its delay', async () => {
    const { driver, inbox, raw } = await open({ queue: fifo() });
    const rr_delay = { DataType: 'String', StringValue: '2' };
    await raw.send({ MessageBody: 'x', MessageAttributes: { ...ATTRIBUTES, rr_delay }, MessageGroupId: 'RR', MessageDeduplicationId: ID });
    const sentAt = Date.now();
    await driver.run();
    const delivery = await inbox.next();
    expect(Date.now() - sentAt).toBeGreaterThan(1_400);
    expect(delivery.job).toMatchObject({ id: ID, name: 'email.send', priority: 7 });
    await delivery.ack();
    expect(await raw.count()).toBe(0);
  });

  it('reads what something else sent (vector S3): a job of that name, its attributes as headers, the priority of the pipeline', async () => {
    const { driver, inbox, raw } = await open();
    await raw.send({
      MessageBody: 'hello',
      MessageAttributes: {
        foo: { DataType: 'String', StringValue: 'bar' },
        count: { DataType: 'Number', StringValue: '3' },
        bytes: { DataType: 'Binary', BinaryValue: new Uint8Array([104, 105]) },
      },
    });
    await driver.run();
    const { job } = await inbox.next();
    expect(job).toMatchObject({ name: 'deduced_by_rr', payload: 'hello', priority: 0, autoAck: false, pipeline: 'contract' });
    expect(job.id).toMatch(/^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/);
    expect({ ...job.headers }).toMatchObject({
      foo: ['bar'],
      count: ['3'],
      bytes: ['hi'],
      ApproximateReceiveCount: ['1'],
      SentTimestamp: [expect.stringMatching(/^\d{13}$/)],
    });
  });

  it.each([
    ['headers that are no JSON', { rr_headers: { DataType: 'Binary', BinaryValue: new Uint8Array([123]) } }],
    [
      'headers that are null, as a job without any has them',
      { rr_headers: { DataType: 'Binary', BinaryValue: new Uint8Array(Buffer.from('null')) } },
    ],
    ['headers that are a list', { rr_headers: { DataType: 'Binary', BinaryValue: new Uint8Array(Buffer.from('[1]')) } }],
    ['a priority that is text', { rr_priority: { DataType: 'String', StringValue: 'high' } }],
    ['an id of another type', { rr_id: { DataType: 'Binary', BinaryValue: new Uint8Array([1]) } }],
    ['a delay that is text', { rr_delay: { DataType: 'String', StringValue: 'soon' } }],
  ])('takes a message with %s', async (_, odd) => {
    const { driver, inbox, raw } = await open();
    await raw.send({ MessageBody: 'hello', MessageAttributes: { ...ATTRIBUTES, ...odd } });
    await driver.run();
    const delivery = await inbox.next();
    expect(delivery.job).toMatchObject({ name: 'email.send', payload: 'hello' });
    await delivery.ack();
    expect(await raw.count()).toBe(0);
  });

  it('sends a requeued job with its headers and without those of the service', async () => {
    const { driver, inbox, raw } = await open();
    await driver.push(aJob(JOB));
    await driver.run();
    const delivery = await inbox.next();
    await driver.pause();
    await delivery.requeue({ headers: { ...delivery.job.headers, attempts: ['1'] }, delayMs: 2_000 });
    const { MessageAttributes } = await raw.receive();
    expect(JSON.parse(Buffer.from(MessageAttributes!['rr_headers']!.BinaryValue!).toString())).toEqual({ 'x-token': ['IDDQD'], attempts: ['1'] });
    expect(MessageAttributes).toMatchObject({ rr_id: { StringValue: ID }, rr_delay: { StringValue: '2' } });
  });

  it('sends what the service takes for no text as base64, and reads it again', async () => {
    const { driver, inbox, raw } = await open();
    const payload = new Uint8Array([0, 1, 254, 255]);
    await driver.push(aJob({ payload }));
    const message = await raw.receive(0);
    expect(message.Body).toBe('AAH+/w==');
    expect(message.MessageAttributes).toMatchObject({ nrr_body: { StringValue: 'base64' } });
    await driver.run();
    expect(bytesOf((await inbox.next()).job.payload)).toEqual([...payload]);
  });

  it('sends bytes that are text as text', async () => {
    const { driver, raw } = await open();
    await driver.push(aJob({ payload: new Uint8Array(Buffer.from('žluť\r\n\t')) }));
    const message = await raw.receive();
    expect(message.Body).toBe('žluť\r\n\t');
    expect(message.MessageAttributes).not.toHaveProperty('nrr_body');
    expect(textOf(message.Body!)).toBe('žluť\r\n\t');
  });
});
