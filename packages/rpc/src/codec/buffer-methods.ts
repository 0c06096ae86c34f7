/**
 * The encoding-specific methods that every Node release has had since 4 and that `toString` and `write` call after
 * looking the encoding's name up; the type package does not list them. On keys of 16 bytes the look-up is a quarter
 * of the time.
 */
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
    latin1Write(text: string, offset: number): number;
    utf8Write(text: string, offset: number): number;
  }
}

export {};
