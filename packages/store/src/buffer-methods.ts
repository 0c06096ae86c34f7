/**
 * Methods that every Buffer of Node has and that its type declarations leave out. They are what `toString('latin1')`
 * ends in, without the steps that find that out, which for short values take longer than the work.
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
