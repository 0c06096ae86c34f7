import type { ByteString } from '@edis/core';
import { EdisError } from '@edis/core';
import './buffer-methods.ts';
import type { LoggedRecord } from './logged-record.ts';
import { decodeMetadata } from './metadata-codec.ts';
import type { StoredRecord } from './stored-record.ts';

/**
 * A record of the cache as it was logged, metadata encoded: most are written again before they are read.
 *
 * Assumes a value that is kept as a string. Value and metadata are one, as they lie one behind the other in the log:
 * each string that lives until the next fold is copied twice by the garbage collector.
 */
export class HeldWrite {
  version: number;
  expiresAtMs: number;
  /** Value, then metadata. */
  content: ByteString;
  readonly valueLength: number;
  #isInCache = true;
  /** Once it has been read. */
  #record: StoredRecord | undefined;

  constructor(written: LoggedRecord) {
    this.content = written.content();
    this.valueLength = written.valueLength;
    this.version = written.version;
    this.expiresAtMs = written.expiresAtMs;
  }

  /** Takes a newer one in, if that is as large: the cache's bookkeeping costs as much as all the rest. */
  takes(written: LoggedRecord): boolean {
    if (!this.#isInCache || !written.derives || written.valueLength !== this.valueLength) return false;
    if (written.metadataLength !== this.content.length - this.valueLength) return false;
    this.content = written.content();
    this.version = written.version;
    this.expiresAtMs = written.expiresAtMs;
    this.#record = undefined;
    return true;
  }

  /** The cache has let go of it: what it took in from now on, nobody would find. */
  onLetGo(): void {
    this.#isInCache = false;
  }

  record(): StoredRecord {
    if (this.#record === undefined) {
      const { content, valueLength, version, expiresAtMs } = this;
      const metadata =
        content.length === valueLength
          ? undefined
          : decodeMetadata(Buffer.from(content.slice(valueLength), 'latin1'), fault);
      this.#record = { value: content.slice(0, valueLength), metadata, version, expiresAtMs };
    }
    return this.#record;
  }
}

function fault(what: string): EdisError {
  return new EdisError('internal', `the metadata of a cached record cannot be read: ${what}`);
}
