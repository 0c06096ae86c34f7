/** Each two quorums of a group have a member in common. */
export function quorumOf(memberCount: number): number {
  return Math.floor(memberCount / 2) + 1;
}

/** The least members whose quorum is not below that of a group of `configuredSize`: what `quorum` writes need. */
export function leastMembersFor(configuredSize: number): number {
  return Math.max(1, 2 * (quorumOf(configuredSize) - 1));
}
