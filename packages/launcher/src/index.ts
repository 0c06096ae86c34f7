export type { Binaries } from './binary.ts';
export { locateBinaries } from './binary.ts';
export type { ClusterOptions, RoleFlags } from './cluster.ts';
export { Cluster, startCluster } from './cluster.ts';
export type { ExitStatus, ProcessRole, ProcessState } from './cluster-process.ts';
export { ClusterProcess } from './cluster-process.ts';
export type { ProcessLine } from './process-line.ts';
export { textField } from './process-line.ts';
