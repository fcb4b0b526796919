import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

/** One frame of a recording; see test/fixtures/goridge/README.md. */
export interface RecordedFrame {
  /** `rpc-php-list #0 from client` */
  readonly title: string;
  readonly bytes: Uint8Array;
  readonly isFrame: boolean;
  readonly from: 'client' | 'server' | 'kernel' | 'worker';
  readonly decoded: DecodedFrame;
}

export interface DecodedFrame {
  readonly version: number;
  readonly headerWords: number;
  readonly flags: number;
  readonly payloadLength: number;
  readonly crc32: string;
  readonly byte10: number;
  readonly options: readonly number[];
  readonly seq?: number;
  readonly method?: string;
  readonly codec?: 'proto' | 'json' | 'gob' | 'raw' | 'msgpack' | 'none';
  readonly error?: boolean;
  readonly errorText?: string;
}

interface Recording {
  readonly name: string;
  readonly frames: readonly {
    readonly n: number;
    readonly from: RecordedFrame['from'];
    readonly hex?: string;
    readonly hexParts?: readonly (string | { readonly omitted: { readonly length: number; readonly sha256: string } })[];
    readonly notAFrame?: boolean;
    readonly decoded: DecodedFrame;
  }[];
}

const FOLDER = 'test/fixtures/goridge';

/** All frames of all recordings. */
export function recordedFrames(): RecordedFrame[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const recording = JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8')) as Recording;
      return recording.frames.map(({ n, from, hex, hexParts, notAFrame = false, decoded }) => ({
        title: `${recording.name} #${n} from ${from}`,
        bytes: hex === undefined ? joinParts(hexParts ?? []) : Buffer.from(hex, 'hex'),
        isFrame: !notAFrame,
        from,
        decoded,
      }));
    });
}

function joinParts(parts: NonNullable<Recording['frames'][number]['hexParts']>): Uint8Array {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part, 'hex');
      const bytes = Buffer.alloc(part.omitted.length);
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + 11) & 255;
      if (createHash('sha256').update(bytes).digest('hex') !== part.omitted.sha256) throw new Error('The pattern of a recording does not fit.');
      return bytes;
    }),
  );
}
