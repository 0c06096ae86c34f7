import type { Options } from 'yargs';
import yargs from 'yargs';
import type { CommandDefinition } from './command.ts';
import { showArguments } from './command.ts';
import { commandIndex } from './command-index.ts';
import type { OptionDefinition, OptionTable } from './option.ts';
import { globalOptions } from './option.ts';

/** Wider help is hard to read; narrower terminals are respected. */
const maxWidth = 100;

export function commandHelp(command: CommandDefinition, columns: number | undefined): Promise<string> {
  const help = base(`edis ${command.name} ${showArguments(command)}`.trimEnd(), columns)
    .options(toYargs(command.options, 'Options:'))
    .options(toYargs(globalOptions, 'On every command:'));
  for (const [line, meaning] of command.examples) help.example(`edis ${line}`, meaning);
  return help.getHelp();
}

export function generalHelp(columns: number | undefined): Promise<string> {
  const help = base('edis COMMAND …', columns).options(toYargs(globalOptions, 'On every command:'));
  for (const [name, { summary }] of commandIndex) help.command(name, summary);
  help
    .example('edis up', 'start a local cluster, and leave it running')
    .example('edis put greeting hello', 'write a record, from another terminal')
    .example('edis get greeting', 'read it from a replica')
    .epilogue(
      'Exit codes: 0 done, 1 not found or condition failed, 2 wrong usage or input, 3 unreachable or too late, ' +
        '4 busy, 5 denied, 70 a bug, 74 disk failed or data damaged.\nMore on a command: edis COMMAND --help',
    );
  return help.getHelp();
}

export function groupHelp(group: string, columns: number | undefined): Promise<string> {
  const help = base(`edis ${group} COMMAND …`, columns).options(toYargs(globalOptions, 'On every command:'));
  for (const [name, { summary }] of commandIndex) {
    if (name.startsWith(`${group} `)) help.command(name, summary);
  }
  return help.epilogue(`More on a command: edis ${group} COMMAND --help`).getHelp();
}

function base(usage: string, columns: number | undefined) {
  return yargs([])
    .scriptName('edis')
    .usage(`Usage: ${usage}`)
    .help(false)
    .version(false)
    .exitProcess(false)
    .locale('en')
    .wrap(Math.min(maxWidth, columns ?? maxWidth));
}

function toYargs(table: OptionTable, group: string): Record<string, Options> {
  return Object.fromEntries(
    Object.entries(table).map(([name, definition]) => [name, { ...yargsOption(definition), group }]),
  );
}

function yargsOption({ kind, description, choices, placeholder }: OptionDefinition): Options {
  const what = placeholder === undefined ? description : `${placeholder}: ${description}`;
  if (kind === 'flag') return { type: 'boolean', description: what };
  return {
    type: 'string',
    description: what,
    ...(kind === 'list' ? { array: true } : {}),
    ...(choices === undefined ? {} : { choices }),
  };
}
