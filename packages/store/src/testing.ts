/** Fakes for tests of this package and of those that build on it; not for processes. */

export type { FakeWorldOptions } from './fake-world.ts';
export { FakeWorld, numbersFrom } from './fake-world.ts';
export type { MemoryDiskOptions } from './memory-disk.ts';
export { MemoryDisk } from './memory-disk.ts';
export type { MemoryViewOptions } from './memory-view.ts';
export { MemoryViewStorage } from './memory-view.ts';
export { deleteOf, entryOf, keyspaceOf, putOf } from './sample-entries.ts';
