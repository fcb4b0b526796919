import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { JobsArgumentError } from '../../lib/contract/errors.js';
import { CodecError } from '../../lib/contract/rpc-errors.js';
import { DEFAULT_RPC_LIMITS } from '../../lib/contract/settings.js';
import { JsonCodec, MsgpackCodec, ProtobufCodec, RawCodec, type RpcCodec } from '../../lib/relay/codecs.js';
import { RpcClient } from '../../lib/relay/rpc-client.js';
import type { RpcMethod } from '../../lib/relay/rpc-method.js';
import { RpcServer } from '../../lib/relay/rpc-server.js';
import { FrameFlag } from '../../lib/wire/frame.js';
import { jobs } from '../../lib/wire/generated/messages.js';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** A server whose methods give back their body, and tell its codec. */
async function open(codec?: RpcCodec) {
  const calls: { readonly codec: number; readonly body: string }[] = [];
  const echo: RpcMethod = (body, flag) => {
    calls.push({ codec: flag, body: Buffer.from(body).toString() });
    return Uint8Array.from(body);
  };
  const refuse: RpcMethod = () => {
    throw new Error('a reason');
  };
  const server = new RpcServer({
    settings: { listen: 'tcp://127.0.0.1:0', allowInsecure: false, limits: DEFAULT_RPC_LIMITS },
    methods: new Map([
      ['test.Echo', echo],
      ['test.Refuse', refuse],
    ]),
  });
  const { address } = await server.listen();
  const rpc = RpcClient.connect(address, codec === undefined ? {} : { codec });
  closers.push(async () => {
    await rpc.close();
    await server.close(deadlineAfter(systemClock, 0));
  });
  return { rpc, calls, address, server };
}

describe('RpcClient', () => {
  it('sends JSON unless it is told otherwise', async () => {
    const { rpc, calls } = await open();

    expect(await rpc.call('test.Echo', { a: [1, 'λ'] })).toEqual({ a: [1, 'λ'] });
    expect(calls).toEqual([{ codec: FrameFlag.json, body: '{"a":[1,"λ"]}' }]);
  });

  it.each([
    ['raw', new RawCodec(), new Uint8Array([1, 255]), FrameFlag.raw],
    ['json', new JsonCodec(), [null, 1.5], FrameFlag.json],
    ['msgpack', new MsgpackCodec(), { a: new Uint8Array([1]), b: [1, 'x'] }, FrameFlag.msgpack],
    ['protobuf', new ProtobufCodec(), new Uint8Array([8, 1]), FrameFlag.proto],
  ])('carries values there and back in %s', async (_, codec, value, flag) => {
    const { rpc, calls } = await open();
    const answer = await rpc.withCodec(codec).call('test.Echo', value);

    expect(value instanceof Uint8Array ? Uint8Array.from(answer as Uint8Array) : answer).toEqual(value);
    expect(calls[0]?.codec).toBe(flag);
  });

  it('serializes a message of protobuf and reads the answer as the class it is given', async () => {
    const { rpc } = await open(new ProtobufCodec());
    const message = new jobs.v1.Pipelines({ pipelines: ['a', 'b'] });

    expect(await rpc.call('test.Echo', message, jobs.v1.Pipelines)).toEqual(message);
  });

  it('puts the service in front and makes the first letter a capital', async () => {
    const { rpc } = await open();

    expect(await rpc.withServicePrefix('test').call('echo', 1)).toBe(1);
    expect(() => rpc.withServicePrefix('')).toThrow(JobsArgumentError);
  });

  it('shares one connection between the clients made from it', async () => {
    const { rpc, server } = await open();
    await Promise.all([
      rpc.call('test.Echo', 1),
      rpc.withServicePrefix('test').call('echo', 2),
      rpc.withCodec(new RawCodec()).call('test.Echo', 'x'),
    ]);

    expect(server.connections).toBe(1);
  });

  it('rejects with the text of the other side', async () => {
    const { rpc, address } = await open();

    await expect(rpc.call('test.Refuse', 1)).rejects.toMatchObject({ code: 'RPC_SERVICE', method: 'test.Refuse', address, text: 'a reason' });
  });

  it('matches many calls at once with their answers', async () => {
    const { rpc } = await open();
    const numbers = Array.from({ length: 500 }, (_, i) => i);

    expect(await Promise.all(numbers.map((number) => rpc.call('test.Echo', number)))).toEqual(numbers);
  });

  it('connects at the first call only', async () => {
    const { rpc, server } = await open();
    expect(server.counters.accepted).toBe(0);
    await rpc.call('test.Echo', 1);

    expect(server.counters.accepted).toBe(1);
  });
});

describe('codecs', () => {
  it.each<readonly [string, () => unknown]>([
    ['a number in raw', () => new RawCodec().encode(5)],
    ['a function in JSON', () => new JsonCodec().encode(() => {})],
    ['a bigint in JSON', () => new JsonCodec().encode(1n)],
    ['an object that is no message in protobuf', () => new ProtobufCodec().encode({ a: 1 })],
    ['a symbol in MessagePack', () => new MsgpackCodec().encode(Symbol('x'))],
  ])('refuse %s', (_, act) => {
    expect(act).toThrow(CodecError);
  });

  it.each<readonly [string, () => unknown]>([
    ['JSON', () => new JsonCodec().decode(Buffer.from('{'))],
    ['MessagePack', () => new MsgpackCodec().decode(Buffer.from([0xdd, 255, 255, 255, 255]))],
    ['protobuf', () => new ProtobufCodec().decode(Buffer.from([255]), jobs.v1.Pipelines)],
    ['a class without decode', () => new ProtobufCodec().decode(Buffer.from([]), {})],
  ])('refuse an answer that is no %s', (_, act) => {
    expect(act).toThrow(CodecError);
  });

  it('take nothing for an empty body where text and bytes are sent', () => {
    expect(new RawCodec().encode(undefined)).toHaveLength(0);
  });
});
