export { FaultProxy } from './fault-proxy.ts';
export type { Ended, ProgramOptions } from './program.ts';
export { Program, Programs } from './program.ts';
export { TestCluster } from './test-cluster.ts';
export { waitFor } from './wait-for.ts';
