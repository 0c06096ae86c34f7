/**
 * Between two operations of a caller whose load is to be under way while something else happens. Callers without pauses
 * take the machine from the processes that the test waits for, and show nothing more.
 */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
