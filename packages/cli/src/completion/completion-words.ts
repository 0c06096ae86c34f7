/** What a shell can complete, as data: from the same definitions as help and checks. */
import type { CommandDefinition } from '../command.ts';
import { commandIndex } from '../command-index.ts';
import type { Completion, OptionDefinition } from '../option.ts';
import { globalOptions } from '../option.ts';

export interface CompletedOption {
  /** Without dashes. */
  readonly name: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly completes: Completion | undefined;
}

export interface CompletedCommand {
  /** One word, or a group and the command in it. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** What its first argument is. */
  readonly argument: Completion | undefined;
  /** Fixed values of its first argument. */
  readonly choices: readonly string[];
}

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export async function completedCommands(): Promise<CompletedCommand[]> {
  const commands: CompletedCommand[] = [];
  for (const [name, entry] of commandIndex) {
    const command = await entry.load();
    commands.push({
      words: name.split(' '),
      summary: entry.summary,
      options: optionsOf(command),
      argument: command.arguments[0]?.completes,
      choices: name === 'completion' ? shells : [],
    });
  }
  return commands;
}

/** Options of every command, which may also stand before its name. */
export function completedGlobals(): CompletedOption[] {
  return Object.entries(globalOptions).map(toOption);
}

/** The groups, each with the second words of its commands. */
export function completedGroups(commands: readonly CompletedCommand[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const {
    words: [group = '', word],
  } of commands) {
    if (word !== undefined) groups.set(group, [...(groups.get(group) ?? []), word]);
  }
  return groups;
}

function optionsOf({ options }: CommandDefinition): CompletedOption[] {
  return [...Object.entries(options).map(toOption), ...completedGlobals()];
}

function toOption([name, { kind, description, choices = [], completes }]: [string, OptionDefinition]): CompletedOption {
  return { name, description, takesValue: kind !== 'flag', choices, completes };
}

/** Prints the names of the keyspaces, and nothing when there is no cluster. */
export const keyspaceLister =
  'edis keyspace list --json --timeout 500ms 2>/dev/null | grep -o \'"name":"[^"]*"\' | cut -d \'"\' -f 4';
