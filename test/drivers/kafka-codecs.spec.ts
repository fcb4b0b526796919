import { decompress } from 'fzstd';
import type { PackageLoader, NodeZlib } from '../../lib/drivers/kafka/codecs.js';
import { registerCodecs } from '../../lib/drivers/kafka/codecs.js';
import type { KafkaJsCodec } from '../../lib/drivers/kafka/kafkajs-types.js';
import { PackageMissingError } from '../../lib/contract/errors.js';
import { loadPackage } from '../../lib/contract/load-package.js';

const TYPES = { None: 0, GZIP: 1, Snappy: 2, LZ4: 3, ZSTD: 4 };
const TEXT = Buffer.from('the same again, '.repeat(20_000));
// "hello", as it was.
const ZSTD_HELLO = Buffer.from('28b52ffd200529000068656c6c6f', 'hex');
const LZ4_HELLO = Buffer.from('04224d186040820500008068656c6c6f00000000', 'hex');

const missing: PackageLoader = (name, neededBy) => Promise.reject(new PackageMissingError(name, neededBy));
/** Of Node 20. */
const oldZlib: NodeZlib = {};

const codecsOf = (load: PackageLoader, zlib: NodeZlib = oldZlib, codecs: Record<number, () => KafkaJsCodec> = {}) => {
  registerCodecs({ CompressionTypes: TYPES, CompressionCodecs: codecs }, zlib, load);
  return { snappy: codecs[TYPES.Snappy]!(), lz4: codecs[TYPES.LZ4]!(), zstd: codecs[TYPES.ZSTD]!() };
};

describe('a codec of kafka', () => {
  it('gives back what it took: snappy', async () => {
    const { snappy } = codecsOf(loadPackage);
    const compressed = await snappy.compress({ buffer: TEXT });
    expect(compressed.length).toBeLessThan(TEXT.length / 10);
    expect((await snappy.decompress(compressed)).equals(TEXT)).toBe(true);
  });

  it.each([
    ['snappy', 'kafkajs-snappy'],
    ['lz4', 'lz4js'],
    ['zstd', 'fzstd'],
  ] as const)('names its package when that is not there: %s', async (name, pack) => {
    await expect(codecsOf(missing)[name].decompress(TEXT)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED_BY_DRIVER',
      driver: 'kafka',
      message: expect.stringContaining(`npm install ${pack}`) as unknown,
    });
  });

  it.each([
    ['lz4', 'snappy'],
    ['zstd', 'Node 22.15'],
  ] as const)('is not written by a package that only reads well, on an older Node: %s', async (name, remedy) => {
    await expect(codecsOf(loadPackage)[name].compress({ buffer: TEXT })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED_BY_DRIVER',
      message: expect.stringContaining(remedy) as unknown,
    });
  });

  it.each([
    ['lz4', LZ4_HELLO],
    ['zstd', ZSTD_HELLO],
  ] as const)('is read by its package on an older Node: %s', async (name, compressed) => {
    expect((await codecsOf(loadPackage)[name].decompress(compressed)).toString()).toBe('hello');
  });

  it('zstd is that of Node where Node has it', async () => {
    const zlib: NodeZlib = { zstdCompressSync: () => Buffer.from('written'), zstdDecompressSync: (data) => Buffer.from(decompress(data)) };
    const { zstd } = codecsOf(missing, zlib);
    expect((await zstd.compress({ buffer: TEXT })).toString()).toBe('written');
    expect((await zstd.decompress(ZSTD_HELLO)).toString()).toBe('hello');
  });

  it('stays that of the application where it gave kafkajs one', () => {
    const own: KafkaJsCodec = { compress: ({ buffer }) => Promise.resolve(buffer), decompress: (buffer) => Promise.resolve(buffer) };
    const absent = () => {
      throw new Error('not implemented');
    };
    const { lz4: used, snappy } = codecsOf(loadPackage, oldZlib, { [TYPES.LZ4]: () => own, [TYPES.Snappy]: absent });
    expect(used).toBe(own);
    expect(snappy).not.toBe(own);
  });
});
