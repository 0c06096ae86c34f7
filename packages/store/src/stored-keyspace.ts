import type { KeyspaceSettings } from '@edis/core';
import { defaultKeyspaceId, defaultKeyspaceName, defaultKeyspaceSettings } from '@edis/core';

/** A keyspace as the log knows it. */
export interface StoredKeyspace {
  readonly id: number;
  readonly name: string;
  readonly settings: KeyspaceSettings;
  /** It is no more, but has records yet. */
  readonly dropped: boolean;
}

/** What every shard has, without its log saying so. */
export const defaultKeyspace: StoredKeyspace = Object.freeze({
  id: defaultKeyspaceId,
  name: defaultKeyspaceName,
  settings: defaultKeyspaceSettings,
  dropped: false,
});
