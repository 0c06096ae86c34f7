/** Each two quorums of a group have a member in common. */
export function quorumOf(memberCount: number): number {
  return Math.floor(memberCount / 2) + 1;
}
