export { FaultProxy } from './fault-proxy.ts';
export { TestCluster } from './test-cluster.ts';
export { waitFor } from './wait-for.ts';
