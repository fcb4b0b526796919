import { JobsError } from './errors.js';
import { messageOf } from './thrown.js';

/** The state store was closed; nothing was read or written. @publicApi */
export class StateStoreClosedError extends JobsError {
  readonly code = 'STATE_STORE_CLOSED';

  constructor(
    readonly store: string,
    options?: ErrorOptions,
  ) {
    super(`The state store "${store}" is closed. Open a new one, or use it before its kernel closes.`, options);
  }
}

/** Others changed what a transaction had read, each time it was tried. Nothing of it was stored. @publicApi */
export class StateConflictError extends JobsError {
  readonly code = 'STATE_CONFLICT';
  override readonly retriable = true;

  constructor(
    readonly store: string,
    readonly tries: number,
    options?: ErrorOptions,
  ) {
    super(
      `A transaction of the state store (${store}) met the writes of others ${tries} times and was given up. Try again, or touch fewer keys in it.`,
      options,
    );
  }
}

/** A file cannot be used where it is. Nothing was created. @publicApi */
export class JobsPathError extends JobsError {
  readonly code = 'INVALID_PATH';

  constructor(
    readonly file: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`"${file}" cannot be used. ${reason}`, options);
  }
}

/** Another process owns the file. Nothing was read or changed. @publicApi */
export class FileInUseError extends JobsError {
  readonly code = 'FILE_IN_USE';
  override readonly retriable = true;

  constructor(
    readonly file: string,
    options?: ErrorOptions,
  ) {
    super(
      `"${file}" is in use by another kernel. Stop that one, or give this one a file of its own ("file", or "dataDir"); ` +
        'other processes push over RPC, they do not open the file.',
      options,
    );
  }
}

/** The file was written by a newer version. Nothing was changed. @publicApi */
export class FileVersionError extends JobsError {
  readonly code = 'FILE_VERSION';

  constructor(
    readonly file: string,
    readonly found: string,
    readonly known: string,
    options?: ErrorOptions,
  ) {
    super(`"${file}" has the format ${found}; this version reads format ${known}. Use the version that wrote it, or another file.`, options);
  }
}

/** The file holds something else, or it is damaged. Nothing was changed. @publicApi */
export class FileFormatError extends JobsError {
  readonly code = 'FILE_FORMAT';

  /** @param option - What to set to use another one. */
  constructor(
    readonly file: string,
    options?: ErrorOptions,
    option = 'file',
  ) {
    super(`"${file}" is no file of this library, or it is damaged. Give another "${option}", or restore this one from a backup.`, options);
  }
}

/** A write did not reach the disk; nothing of it was stored. @publicApi */
export class StorageError extends JobsError {
  readonly code = 'STORAGE';
  override readonly retriable = true;

  constructor(
    readonly file: string,
    cause: unknown,
    consequence = 'The job was not stored.',
  ) {
    super(`"${file}" could not be written: ${messageOf(cause)}. ${consequence} Check the space and health of the disk.`, { cause });
  }
}
