/** One line that a process printed. */
export interface ProcessLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  /** The fields of a line that is a JSON object: what the binaries log. */
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

export function parseProcessLine(stream: 'stdout' | 'stderr', text: string): ProcessLine {
  return { stream, text, fields: parseFields(text) };
}

function parseFields(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

export function textField(line: ProcessLine, name: string): string | undefined {
  const value = line.fields?.[name];
  return typeof value === 'string' ? value : undefined;
}
