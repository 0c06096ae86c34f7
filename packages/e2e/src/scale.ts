/** `npm run soak` runs the rules about millions of operations whole; `npm test` runs a hundredth of them. */
export const soak = process.env['EDIS_SOAK'] === '1';

/** `whole` operations in the soak, a hundredth of them (at least `least`) otherwise. */
export function scaled(whole: number, least = 1): number {
  return soak ? whole : Math.max(least, Math.round(whole / 100));
}
