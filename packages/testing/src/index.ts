export type { TestCluster, TestClusterOptions } from './test-cluster.ts';
export { createTestCluster } from './test-cluster.ts';
