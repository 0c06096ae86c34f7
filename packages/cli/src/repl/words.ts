import { split } from 'shlex';

/** The words of a command line as a shell would see them; undefined: a quote is open, or the line goes on. */
export function splitWords(text: string): string[] | undefined {
  try {
    return split(text);
  } catch {
    // An open quote and a backslash at the end are all that it throws for.
    return undefined;
  }
}

/** What a completion is for. */
export interface WordInProgress {
  /** The whole words before it. */
  readonly before: readonly string[];
  /** As typed, with its opening quote if it has one. */
  readonly typed: string;
  /** What is meant by it. */
  readonly word: string;
  /** The open quote; empty: none. */
  readonly quote: '' | '"' | "'";
}

/** The last word of a line that is being typed. */
export function wordInProgress(line: string): WordInProgress | undefined {
  const quote = openQuote(line);
  if (quote === undefined) return undefined;
  const words = splitWords(line + quote) ?? [];
  const complete = quote === '' && (line === '' || /\s$/.test(line));
  if (complete) return { before: words, typed: '', word: '', quote };
  const typed = quote === '' ? (/\S*$/.exec(line)?.[0] ?? '') : line.slice(line.lastIndexOf(quote));
  return { before: words.slice(0, -1), typed, word: words.at(-1) ?? '', quote };
}

/** Undefined: none of them closes the line. */
function openQuote(line: string): WordInProgress['quote'] | undefined {
  return (['', '"', "'"] as const).find((quote) => splitWords(line + quote) !== undefined);
}
