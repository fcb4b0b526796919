export interface FrameParts {
  readonly flags?: number;
  readonly options?: readonly number[];
  readonly stream?: number;
  readonly version?: number;
  readonly claim?: number;
}

export const CONTROL: number;
export const ERROR: number;
export function crc32(bytes: Uint8Array): number;
export function frame(payload: string | Uint8Array, parts?: FrameParts): Buffer;
