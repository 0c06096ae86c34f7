// The store's fakes are for tests and the like of this simulator: no process has them. One door to them is enough, and
// is the one file that the linter lets through.
export { entryOf, MemoryDisk, MemoryViewStorage, putOf } from '@edis/store/testing';
