import type { Store } from '@edis/store';

/** What a feed of changes reads of its member's store. */
export type WatchStore = Pick<
  Store,
  'visiblePosition' | 'firstPosition' | 'epochs' | 'epochAt' | 'readEntries' | 'keyspaces' | 'openView'
>;
