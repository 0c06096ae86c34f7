export type { CliWorld } from './cli.ts';
export { runCli } from './cli.ts';
export type { ClusterStarter, CommandContext } from './command.ts';
export { Output } from './output.ts';
