/** What tests read out of docs/cli.md. */

export interface DocumentedCommand {
  readonly name: string;
  readonly text: string;
}

/** The sections that are named after a command. */
export function commandSections(page: string, names: Iterable<string>): DocumentedCommand[] {
  const known = new Set(names);
  return page
    .split(/^## /m)
    .map((section) => ({ name: section.slice(0, section.indexOf('\n')), text: section }))
    .filter(({ name }) => known.has(name));
}

/** The fenced blocks of one language, without their fences. */
export function fencedBlocks(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block);
}

/** `keyspace create` → `KeyspaceCreate` */
export function typeNameOf(command: string): string {
  return command
    .split(' ')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');
}
