import type { NodeStatsReply } from '@edis/client';

/** The content hash that all members of each shard share, by shard; the text says which of them differ. */
export function sharedHash(replies: readonly NodeStatsReply[]): Map<string, string> | string {
  const hashes = new Map<string, string>();
  for (const { node, shard, stats } of replies) {
    if (stats === undefined) return `${node} gave no figures`;
    const hash = hashes.get(shard) ?? stats.contentHash;
    if (hash !== stats.contentHash) return `${node} of ${shard} has ${stats.contentHash}, another member ${hash}`;
    hashes.set(shard, hash);
  }
  return hashes;
}
