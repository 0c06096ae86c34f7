/**
 * Understands a command line.
 *
 * Options are read by yargs-parser, the parser of yargs; yargs itself is only loaded to print help, because loading it
 * takes longer than a read takes. Positionals are taken from `_`, where a `-`, a number and a key after `--` stay what
 * they were typed as; named positionals of yargs lose all three. Unknown options are found here, so that the message
 * can suggest the one that was meant.
 */
import { EdisError } from '@edis/core';
import parser from 'yargs-parser';
import type { CommandDefinition, Invocation } from './command.ts';
import { showArguments } from './command.ts';
import { commandIndex } from './command-index.ts';
import { checkKeyText, checkNewKeyText } from './key-text.ts';
import type { OptionTable } from './option.ts';
import { globalOptions, OptionValues } from './option.ts';
import { synonyms } from './synonym.ts';

const shortNames: ReadonlyMap<string, string> = new Map([
  ['-h', '--help'],
  ['-v', '--version'],
]);

/** A command's name and the arguments without it. */
export interface SplitCommandLine {
  readonly command: string | undefined;
  readonly args: readonly string[];
}

/** Finds the command: the first argument that is neither a global option nor the value of one. */
export async function splitCommandLine(argv: readonly string[]): Promise<SplitCommandLine> {
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (!argument.startsWith('-') || argument === '-') {
      return { command: argument, args: argv.toSpliced(index, 1) };
    }
    const long = shortNames.get(argument) ?? argument;
    const name = long.replace(/^--?/, '').replace(/=.*$/s, '');
    const definition = Object.hasOwn(globalOptions, name) ? globalOptions[name] : undefined;
    if (definition === undefined) {
      const suggestion = await didYouMean(name, globalOptions);
      const hint = suggestion === '' ? '; options of a command stand after its name' : suggestion;
      throw new EdisError('usage', `unknown option ${argument}${hint} (edis --help lists all)`);
    }
    if (definition.kind !== 'flag' && !argument.includes('=')) index += 1;
  }
  return { command: undefined, args: argv };
}

/**
 * The command with its group, if it is of one: `keyspace` and `create` are one command's name. A group alone stays
 * what it is.
 */
export async function joinGroup({ command, args }: SplitCommandLine): Promise<SplitCommandLine> {
  if (command === undefined || groupCommands(command).length === 0) return { command, args };
  const inner = await splitCommandLine(args);
  if (inner.command === undefined) return { command, args };
  return { command: `${command} ${inner.command}`, args: inner.args };
}

/** The second words of a group; none: it is no group. */
export function groupCommands(group: string): string[] {
  return [...commandIndex.keys()]
    .filter((name) => name.startsWith(`${group} `))
    .map((name) => name.slice(group.length + 1));
}

export async function unknownCommand(name: string): Promise<EdisError> {
  const words = groupCommands(name);
  if (words.length > 0) {
    return new EdisError('usage', `${name} needs one of ${words.join(', ')}; for example: edis ${name} ${words[0]} …`);
  }
  const { nearest } = await import('@edis/process');
  const meant = synonyms.get(name);
  if (meant !== undefined) return new EdisError('usage', `unknown command '${name}'; here it is: edis ${meant}`);
  const [group = '', word] = name.split(' ');
  const near = nearest(word ?? name, word === undefined ? firstWords() : groupCommands(group));
  if (word === undefined) {
    const suggestion = near === undefined ? '' : `; did you mean ${near}?`;
    return new EdisError('usage', `unknown command '${name}'${suggestion} (edis --help lists all)`);
  }
  const suggestion = near === undefined ? `${group} has ${groupCommands(group).join(', ')}` : `did you mean ${near}?`;
  return new EdisError('usage', `unknown command '${name}'; ${suggestion} (edis ${group} --help says more)`);
}

function firstWords(): Set<string> {
  return new Set([...commandIndex.keys()].map((name) => name.replace(/ .*$/, '')));
}

/** Reads the options; positionals are counted by {@link checkPositionals}, after help was asked for or not. */
export async function parseInvocation(
  args: readonly string[],
  table: OptionTable,
  commandName: string,
): Promise<Invocation> {
  const options: OptionTable = { ...globalOptions, ...table };
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const given = args.map((argument, index) => (index < end ? shortNames.get(argument) : undefined) ?? argument);
  const hideMinus = (argument: string, index: number) =>
    (index < end && /^-\d/.test(argument)) || argument.startsWith(hiddenMinus) ? hiddenMinus + argument : argument;
  checkFlagValues(given, options, commandName);
  const names = Object.keys(options);
  const ofKind = (kind: string) => names.filter((name) => options[name]?.kind === kind);
  const parsed = parser(given.map(hideMinus), {
    string: [...ofKind('text'), ...ofKind('list')],
    array: ofKind('list'),
    boolean: ofKind('flag'),
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
      'strip-aliased': true,
    },
  });
  const values = new Map<string, string | boolean | readonly string[]>();
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '_') continue;
    const shown = Array.isArray(value) ? value.map(showMinus) : showMinus(value);
    values.set(name, await checkValue(name, shown, options, commandName));
  }
  return { positionals: parsed._.map((text) => String(showMinus(text))), options: new OptionValues(values) };
}

/** Before a negative number, which the parser would take for an option, and before an argument that has it already. */
const hiddenMinus = '\0';

function showMinus(value: unknown): unknown {
  return typeof value === 'string' && value.startsWith(hiddenMinus) ? value.slice(hiddenMinus.length) : value;
}

export function checkPositionals(command: CommandDefinition, { positionals }: Invocation): void {
  const { name, arguments: declared, takesSurplus = false } = command;
  const usage = `usage: edis ${name} ${showArguments(command)}`.trimEnd();
  const missing = declared[positionals.length];
  if (missing !== undefined && missing.optional !== true) {
    throw new EdisError('usage', `${name}: ${missing.name} is missing; ${usage}`);
  }
  for (const [index, text] of positionals.entries()) {
    const { name: argument, completes, makesRecord } = declared[Math.min(index, declared.length - 1)] ?? {};
    const check = makesRecord === true ? checkNewKeyText : checkKeyText;
    if (completes === 'key') check(text, `${name}: ${argument}`);
  }
  const most = takesSurplus || declared.at(-1)?.repeated === true ? Number.POSITIVE_INFINITY : declared.length;
  if (positionals.length > most) {
    throw new EdisError('usage', `${name}: '${positionals[most]}' is one argument too many; ${usage}`);
  }
}

async function checkValue(name: string, value: unknown, options: OptionTable, commandName: string) {
  const kind = Object.hasOwn(options, name) ? options[name]?.kind : undefined;
  if (kind === undefined) {
    const dashes = name.length === 1 ? '-' : '--';
    const suggestion = await didYouMean(name, options);
    const hint =
      suggestion === ''
        ? `; see edis ${commandName} --help (a key or value that begins with - goes after --)`
        : `${suggestion} (edis ${commandName} --help lists all)`;
    throw new EdisError('usage', `unknown option ${dashes}${name}${hint}`);
  }
  if (kind === 'flag' && typeof value === 'boolean') return value;
  if (kind === 'list' && Array.isArray(value) && value.length > 0) return value.map(String);
  if (kind === 'text' && typeof value === 'string' && value !== '') return value;
  if (Array.isArray(value) && value.length > 1) throw new EdisError('usage', `--${name} is given more than once`);
  throw new EdisError('usage', `--${name} needs a value; see edis ${commandName} --help`);
}

/** yargs-parser takes `--json=maybe` for false. */
function checkFlagValues(args: readonly string[], options: OptionTable, commandName: string): void {
  for (const argument of args) {
    if (argument === '--') return;
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(argument) ?? [];
    if (name === undefined || !Object.hasOwn(options, name) || options[name]?.kind !== 'flag') continue;
    if (value !== 'true' && value !== 'false') {
      throw new EdisError('usage', `--${name} takes no value, got '${value}'; see edis ${commandName} --help`);
    }
  }
}

async function didYouMean(name: string, options: OptionTable): Promise<string> {
  const { nearest } = await import('@edis/process');
  const near = nearest(name, Object.keys(options));
  return near === undefined ? '' : `; did you mean --${near}?`;
}
