import type { KeyValue } from './generated/etcdserverpb/KeyValue.ts';

/** One key of etcd. Revisions are of the whole store and only rise. */
export interface EtcdRow {
  readonly key: string;
  readonly value: string;
  /** When the key was created: another one each time that it was gone between. */
  readonly createRevision: number;
  /** When the key was written last. */
  readonly modRevision: number;
}

export function rowOf({ key, value, createRevision, modRevision }: KeyValue): EtcdRow {
  return { key: key.toString(), value: value.toString(), createRevision, modRevision };
}

/** The first key behind all that begin with the prefix, which ends with an ASCII character. */
export function endOfPrefix(prefix: string): Buffer {
  const bytes = Buffer.from(prefix);
  const last = bytes.length - 1;
  bytes.writeUInt8(bytes.readUInt8(last) + 1, last);
  return bytes;
}
