import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EdisError } from '@edis/core';

/**
 * What a data directory of several processes was formed with. The number of write shards is part of the data: with
 * fewer, some keys have no owner; more would own nothing.
 */
interface ClusterRecord {
  readonly formatVersion: 1;
  readonly shards: number;
}

const fileName = 'cluster.json';

/** Undefined: no cluster was formed here yet. */
export function readClusterRecord(dataDirectory: string): ClusterRecord | undefined {
  const path = join(dataDirectory, fileName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined;
    }
    throw new EdisError('data-directory', `${path} cannot be read`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || !('formatVersion' in value) || !('shards' in value)) {
    throw new EdisError('damaged', `${path} is not a record of a cluster; restore it or use another data directory`);
  }
  if (value.formatVersion !== 1 || typeof value.shards !== 'number') {
    throw new EdisError('data-directory', `${path} was written by a newer version of Edis; this one knows format 1`);
  }
  return { formatVersion: 1, shards: value.shards };
}

export function writeClusterRecord(dataDirectory: string, shards: number): void {
  const record: ClusterRecord = { formatVersion: 1, shards };
  const path = join(dataDirectory, fileName);
  writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${path}.new`, path);
}
