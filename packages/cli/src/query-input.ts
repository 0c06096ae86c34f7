import type { KeyRange, PageOptions } from '@edis/client';
import { EdisError } from '@edis/core';
import { readOptionsOf } from './connection.ts';
import type { OptionValues } from './option.ts';

/** `--prefix`, `--from` and `--to`. */
export function rangeOf(options: OptionValues): KeyRange {
  const prefix = options.text('prefix');
  const from = options.text('from');
  const to = options.text('to');
  if (prefix !== undefined && (from !== undefined || to !== undefined)) {
    throw new EdisError('usage', '--prefix excludes --from and --to; for example --from user:1 --to user:2');
  }
  // Two different texts are in the order of their bytes.
  if (from !== undefined && to !== undefined && Buffer.compare(Buffer.from(from), Buffer.from(to)) > 0) {
    throw new EdisError('usage', '--from lies behind --to, so no key is between them; exchange the two');
  }
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

/** `--limit`, `--cursor` and how fresh the answer must be. */
export async function pageOptionsOf(options: OptionValues): Promise<PageOptions> {
  const limit = options.integer('limit', 1, Number.MAX_SAFE_INTEGER);
  const cursor = options.text('cursor');
  return {
    ...(await readOptionsOf(options)),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}
