import { PackageMissingError } from '../../contract/errors.js';
import { loadPackage } from '../../contract/load-package.js';
import { NotSupportedByDriverError } from '../../contract/pipeline-errors.js';
import type { KafkaJsCodec, KafkaJsModule } from './kafkajs-types.js';

/** What newer versions of Node have. */
export interface NodeZlib {
  readonly zstdCompressSync?: (data: Uint8Array) => Buffer;
  readonly zstdDecompressSync?: (data: Uint8Array) => Buffer;
}

/** Loads an optional package, as `loadPackage` does. */
export type PackageLoader = (name: string, neededBy: string) => Promise<Readonly<Record<string, unknown>>>;

type Bytes = (data: Uint8Array) => Uint8Array;

const NEEDED_BY = 'The driver "kafka"';
const SNAPPY = 'kafkajs-snappy';
const ZSTD = 'fzstd';
const LZ4 = 'lz4js';

/**
 * Gives kafkajs the codecs that it has not: snappy, with which RoadRunner writes unless told otherwise, from its package; lz4, for reading,
 * from `lz4js`; zstd from Node or, for reading, from `fzstd`. A package is looked for when the first batch needs it. What the application has given to kafkajs stays.
 */
export function registerCodecs(
  { CompressionTypes, CompressionCodecs }: Pick<KafkaJsModule, 'CompressionTypes' | 'CompressionCodecs'>,
  zlib: NodeZlib,
  load: PackageLoader = loadPackage,
): void {
  const codecs: readonly (readonly [number, () => KafkaJsCodec])[] = [
    [CompressionTypes.Snappy, () => snappyCodec(load)],
    [CompressionTypes.LZ4, () => lz4Codec(load)],
    [CompressionTypes.ZSTD, () => zstdCodec(zlib, load)],
  ];
  for (const [type, codecOf] of codecs) {
    if (isThere(CompressionCodecs[type])) continue;
    const codec = codecOf();
    CompressionCodecs[type] = () => codec;
  }
}

/** What kafkajs has not throws. */
function isThere(codecOf: (() => KafkaJsCodec) | undefined): boolean {
  try {
    return codecOf?.() !== undefined;
  } catch {
    return false;
  }
}

function snappyCodec(load: PackageLoader): KafkaJsCodec {
  const codec = async (): Promise<KafkaJsCodec> => {
    const loaded = await optional(load, SNAPPY, 'snappy');
    return ((loaded['default'] ?? loaded) as () => KafkaJsCodec)();
  };
  return {
    compress: async (encoder) => (await codec()).compress(encoder),
    decompress: async (buffer) => (await codec()).decompress(buffer),
  };
}

/** `lz4js` writes blocks that end in a way which the Java client, and with it the broker, refuses. */
function lz4Codec(load: PackageLoader): KafkaJsCodec {
  const remedy = 'Use another "compressionCodec", such as "snappy".';
  return {
    compress: () => Promise.reject(new NotSupportedByDriverError('kafka', 'writing lz4', remedy)),
    decompress: async (buffer) => bufferOf(memberOf(await optional(load, LZ4, 'lz4'), 'decompress')(buffer)),
  };
}

function zstdCodec({ zstdCompressSync: compress, zstdDecompressSync: decompress }: NodeZlib, load: PackageLoader): KafkaJsCodec {
  if (compress !== undefined && decompress !== undefined) {
    return { compress: ({ buffer }) => Promise.resolve(compress(buffer)), decompress: (buffer) => Promise.resolve(decompress(buffer)) };
  }
  const remedy = 'Use Node 22.15 or newer, or another "compressionCodec".';
  return {
    compress: () => Promise.reject(new NotSupportedByDriverError('kafka', 'writing zstd on this version of Node', remedy)),
    decompress: async (buffer) => bufferOf(memberOf(await optional(load, ZSTD, 'zstd'), 'decompress')(buffer)),
  };
}

/** @throws NotSupportedByDriverError when the package is not there. */
async function optional(load: PackageLoader, name: string, codec: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await load(name, NEEDED_BY);
  } catch (cause) {
    if (!(cause instanceof PackageMissingError)) throw cause;
    throw new NotSupportedByDriverError('kafka', `records that are compressed with ${codec}`, `Run: npm install ${name}`, { cause });
  }
}

/** Node finds only some names of a package that is CommonJS. */
function memberOf(loaded: Readonly<Record<string, unknown>>, name: string): Bytes {
  return (loaded[name] ?? (loaded['default'] as Readonly<Record<string, unknown>>)[name]) as Bytes;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
