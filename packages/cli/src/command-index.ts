import type { CommandDefinition } from './command.ts';

/** What the list of commands shows; a command itself is loaded only when it is called: start-up stays short. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<CommandDefinition>;
}

/**
 * Every command, in the order of help. A name of two words is a command of a group (`keyspace create`). Flags and
 * arguments are data of the definitions: help, checks and completion read the same.
 */
export const commandIndex: ReadonlyMap<string, CommandEntry> = new Map<string, CommandEntry>([
  entry('up', 'start a local cluster', async () => (await import('./commands/up.ts')).up),
  entry('put', 'write a record', async () => (await import('./commands/put.ts')).put),
  entry('get', 'read a record', async () => (await import('./commands/get.ts')).get),
  entry('delete', 'remove a record', async () => (await import('./commands/delete.ts')).deleteCommand),
  entry('exists', 'say whether there is a record', async () => (await import('./commands/exists.ts')).exists),
  entry('mput', 'write several records', async () => (await import('./commands/mput.ts')).mput),
  entry('mget', 'read several records', async () => (await import('./commands/mget.ts')).mget),
  entry('incr', 'add to a number', async () => (await import('./commands/incr.ts')).incr),
  entry('append', 'add to the end of a value', async () => (await import('./commands/append.ts')).append),
  entry('expire', 'let a record end after a while', async () => (await import('./commands/expire.ts')).expire),
  entry('persist', 'let a record stay', async () => (await import('./commands/persist.ts')).persist),
  entry('ttl', 'say how long a record has left', async () => (await import('./commands/ttl.ts')).ttl),
  entry('scan', 'list records in order', async () => (await import('./commands/scan.ts')).scan),
  entry('keys', 'list keys in order', async () => (await import('./commands/keys.ts')).keys),
  entry('count', 'count records', async () => (await import('./commands/count.ts')).count),
  entry('search', 'find records by metadata', async () => (await import('./commands/search.ts')).search),
  entry('aggregate', 'count and add up metadata', async () => (await import('./commands/aggregate.ts')).aggregate),
  entry('watch', 'follow the changes', async () => (await import('./commands/watch.ts')).watch),
  entry(
    'keyspace create',
    'make a keyspace',
    async () => (await import('./commands/keyspace-create.ts')).keyspaceCreate,
  ),
  entry('keyspace list', 'list the keyspaces', async () => (await import('./commands/keyspace-list.ts')).keyspaceList),
  entry(
    'keyspace describe',
    'show one keyspace',
    async () => (await import('./commands/keyspace-describe.ts')).keyspaceDescribe,
  ),
  entry(
    'keyspace drop',
    'remove a keyspace with its records',
    async () => (await import('./commands/keyspace-drop.ts')).keyspaceDrop,
  ),
  entry('import', 'write records from NDJSON', async () => (await import('./commands/import.ts')).importCommand),
  entry('export', 'print records as NDJSON', async () => (await import('./commands/export.ts')).exportCommand),
  entry('topology', 'show shards and their members', async () => (await import('./commands/topology.ts')).topology),
  entry('stats', 'show figures of every shard and node', async () => (await import('./commands/stats.ts')).stats),
  entry(
    'distribution',
    'show how evenly records are spread',
    async () => (await import('./commands/distribution.ts')).distribution,
  ),
  entry('locate', 'show where a key lives, and why', async () => (await import('./commands/locate.ts')).locate),
  entry('promote', 'give a shard another primary', async () => (await import('./commands/promote.ts')).promote),
  entry('verify', 'judge what the cluster promises', async () => (await import('./commands/verify.ts')).verify),
  entry('top', 'watch the cluster at work', async () => (await import('./commands/top.ts')).top),
  entry('repl', 'type commands one after the other', async () => (await import('./commands/repl.ts')).repl),
  entry(
    'completion',
    'print what a shell completes with',
    async () => (await import('./commands/completion.ts')).completion,
  ),
  entry('health', 'probe one node', async () => (await import('./commands/health.ts')).health),
]);

function entry(name: string, summary: string, load: () => Promise<CommandDefinition>): [string, CommandEntry] {
  return [name, { summary, load }];
}
