import type { CommandDefinition } from './command.ts';

/** What the list of commands shows; a command itself is loaded only when it is called: start-up stays short. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<CommandDefinition>;
}

export const commandIndex: ReadonlyMap<string, CommandEntry> = new Map<string, CommandEntry>([
  ['up', { summary: 'start a local cluster', load: async () => (await import('./commands/up.ts')).up }],
  ['put', { summary: 'write a record', load: async () => (await import('./commands/put.ts')).put }],
  ['get', { summary: 'read a record', load: async () => (await import('./commands/get.ts')).get }],
  ['delete', { summary: 'remove a record', load: async () => (await import('./commands/delete.ts')).deleteCommand }],
  [
    'exists',
    { summary: 'say whether there is a record', load: async () => (await import('./commands/exists.ts')).exists },
  ],
  ['mput', { summary: 'write several records', load: async () => (await import('./commands/mput.ts')).mput }],
  ['mget', { summary: 'read several records', load: async () => (await import('./commands/mget.ts')).mget }],
  [
    'topology',
    { summary: 'show shards and their members', load: async () => (await import('./commands/topology.ts')).topology },
  ],
  ['stats', { summary: 'show figures of every node', load: async () => (await import('./commands/stats.ts')).stats }],
  [
    'locate',
    { summary: 'show where a key lives, and why', load: async () => (await import('./commands/locate.ts')).locate },
  ],
  ['health', { summary: 'probe one node', load: async () => (await import('./commands/health.ts')).health }],
]);
