export { scaled, soak } from './scale.ts';
export { sharedHash } from './shared-hash.ts';
