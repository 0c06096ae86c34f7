/** Whether a record is hidden: its deadline has come. `expiresAtMs` 0: it has none. */
export function isExpired(expiresAtMs: number, nowMs: number): boolean {
  return expiresAtMs !== 0 && expiresAtMs <= nowMs;
}
