import type { ClusterProcess } from '@edis/launcher';

/**
 * What the end of a process means for the cluster, and how to start it again; nothing is restarted by itself.
 *
 * @param replicas of each shard, at the start
 */
export function exitNotice(process: ClusterProcess, replicas: number, kept: boolean): string {
  const lines = [`edis: ${process.exitError().message}; ${consequence(process, replicas)}`];
  if (kept) lines.push(`      it was not restarted; in another terminal: ${process.commandLine}`);
  return lines.join('\n');
}

function consequence({ role, shard }: ClusterProcess, replicas: number): string {
  if (role === 'info') return 'reads and writes go on, but nobody can join and no topology is shown';
  const name = shard ?? 'its shard';
  if (replicas === 0) return `the keys of ${name} wait for it`;
  return `${name} goes on with its other members; if it was the primary, another one leads in a few seconds`;
}

/** The same for programs. */
export function exitJson(process: ClusterProcess) {
  return {
    exited: process.name,
    role: process.role,
    shard: process.shard ?? null,
    code: process.exitStatus?.code ?? null,
    signal: process.exitStatus?.signal ?? null,
  };
}
