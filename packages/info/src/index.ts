export type { InfoConfig } from './config.ts';
export { settings } from './config.ts';
export { EmbeddedStore } from './embedded-store.ts';
export type { InfoSurroundings } from './info.ts';
export { Info } from './info.ts';
export { processSurroundings } from './process-surroundings.ts';
export type { InfoStore } from './store.ts';
export { MemoryStore } from './store.ts';
