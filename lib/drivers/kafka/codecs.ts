import { PackageMissingError } from '../../contract/errors.js';
import { loadPackage } from '../../contract/load-package.js';
import { NotSupportedByDriverError } from '../../contract/pipeline-errors.js';
import type { KafkaJsCodec, KafkaJsModule } from './kafkajs-types.js';

/** What newer versions of Node have. */
export interface NodeZlib {
  readonly zstdCompressSync?: (data: Uint8Array) => Buffer;
  readonly zstdDecompressSync?: (data: Uint8Array) => Buffer;
}

const NEEDED_BY = 'The driver "kafka"';
const SNAPPY = 'kafkajs-snappy';
const ZSTD = 'fzstd';
const LZ4 = 'lz4js';

type Bytes = (data: Uint8Array) => Uint8Array;

/**
 * Gives kafkajs the codecs that it has not: snappy, with which RoadRunner writes unless told otherwise, from its package; zstd from Node or, for
 * reading, from `fzstd`; lz4 from `lz4js`. A package is looked for when the first batch needs it.
 */
export async function registerCodecs({ CompressionTypes, CompressionCodecs }: KafkaJsModule, zlib: NodeZlib): Promise<void> {
  const snappy = await snappyCodec();
  CompressionCodecs[CompressionTypes.Snappy] = () => snappy;
  const zstd: KafkaJsCodec =
    zlib.zstdCompressSync === undefined || zlib.zstdDecompressSync === undefined
      ? lazyCodec('zstd', ZSTD, undefined, 'decompress')
      : codecOf(zlib.zstdCompressSync, zlib.zstdDecompressSync);
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd;
  const lz4 = lazyCodec('lz4', LZ4, 'compress', 'decompress');
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4;
}

async function snappyCodec(): Promise<KafkaJsCodec> {
  try {
    const loaded = await loadPackage(SNAPPY, NEEDED_BY);
    return ((loaded['default'] ?? loaded) as () => KafkaJsCodec)();
  } catch (error) {
    if (!(error instanceof PackageMissingError)) throw error;
    const missing = () => Promise.reject(unsupported('snappy', SNAPPY));
    return { compress: missing, decompress: missing };
  }
}

function codecOf(compress: Bytes, decompress: Bytes): KafkaJsCodec {
  return {
    compress: ({ buffer }) => Promise.resolve(bufferOf(compress(buffer))),
    decompress: (buffer) => Promise.resolve(bufferOf(decompress(buffer))),
  };
}

function lazyCodec(codec: string, name: string, compress: string | undefined, decompress: string): KafkaJsCodec {
  const load = async (member: string | undefined): Promise<Bytes> => {
    if (member === undefined)
      throw new NotSupportedByDriverError(
        'kafka',
        `writing ${codec} on this version of Node`,
        'Use Node 22.15 or newer, or another "compressionCodec".',
      );
    try {
      const loaded = await loadPackage(name, NEEDED_BY);
      return (loaded[member] ?? (loaded['default'] as typeof loaded)[member]) as Bytes;
    } catch (error) {
      throw error instanceof PackageMissingError ? unsupported(codec, name) : error;
    }
  };
  return {
    compress: async ({ buffer }) => bufferOf((await load(compress))(buffer)),
    decompress: async (buffer) => bufferOf((await load(decompress))(buffer)),
  };
}

function unsupported(codec: string, name: string): NotSupportedByDriverError {
  return new NotSupportedByDriverError('kafka', `records that are compressed with ${codec}`, `Run: npm install ${name}`);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
