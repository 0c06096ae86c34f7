// The store's fakes are for tests and the like of this simulator: no process has them. One door to them is enough.
// oxlint-disable-next-line no-restricted-imports
export { entryOf, MemoryDisk, MemoryViewStorage, putOf } from '@edis/store/testing';
