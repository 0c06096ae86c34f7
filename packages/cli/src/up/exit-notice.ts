import type { ClusterProcess } from '@edis/launcher';

/** What the end of a process means for the cluster, and how to start it again; nothing is restarted by itself. */
export function exitNotice(process: ClusterProcess, kept: boolean): string {
  const lines = [`edis: ${process.exitError().message}; ${consequence(process)}`];
  if (kept) lines.push(`      it was not restarted; in another terminal: ${process.commandLine}`);
  return lines.join('\n');
}

function consequence({ role, shard }: ClusterProcess): string {
  const name = shard ?? 'its shard';
  switch (role) {
    case 'info':
      return 'reads and writes go on, but nobody can join and no topology is shown';
    case 'write-shard':
      return `writes to ${name} wait for it, reads of ${name} go on at its replicas`;
    case 'read-shard':
      return `reads of ${name} go to its other replicas, or to its primary`;
  }
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
