import { join } from 'shlex';
import type { Settings } from '../settings.ts';

/** The command line that goes on, with the options that say where the cluster and the records are. */
export function resumeCommand(name: string, args: readonly string[], settings: Settings): string {
  const { info, infoGiven, network, keyspace } = settings;
  const words = ['edis', name, ...args];
  if (keyspace !== undefined) words.push('--keyspace', keyspace);
  if (infoGiven) for (const address of info) words.push('--info', address);
  if (network !== undefined) words.push('--network', network);
  return join(words);
}
