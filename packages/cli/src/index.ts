export type { CliWorld } from './cli.ts';
export { runCli } from './cli.ts';
export type { ClusterStarter, CommandContext } from './command.ts';
export { Output } from './output.ts';
export type { LastReads, MembersLook } from './verify/last-look.ts';
export { lookAtMembers, readLast } from './verify/last-look.ts';
