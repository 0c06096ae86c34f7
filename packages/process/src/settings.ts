/**
 * From a command line and an environment to one frozen config, by one table per binary.
 *
 * Guarantees: a flag beats its `EDIS_…` variable, which beats the default; an unknown flag, a value without meaning or
 * out of range is an EdisError 'usage' that names the flag (or variable) and the text; what comes out is frozen, has
 * every unit in its name and needs no further check. An empty variable counts as unset, as compose files write it
 * for "nothing"; other EDIS_ variables are ignored, because clients and tests have their own.
 *
 * yargs only splits the command line. Its strict mode reports unknown flags as text and its `.env()` fails on variables
 * that belong to others, so both are decided here.
 */
import { EdisError } from '@edis/core';
import yargs from 'yargs';
import { nearest } from './nearest.ts';
import type { ConfigOf, Setting, SettingsTable, SettingValue } from './setting.ts';
import { formatArgument, formatDefault, formatRange, parseItems, parseScalar, variableOf } from './setting.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A table that was checked, with the type of its config. */
export interface Settings<C> {
  readonly table: SettingsTable;
  parse(args: readonly string[], environment: Environment): C;
}

/** One row of a binary's table of settings, as README shows it. */
export interface SettingRow {
  readonly flag: string;
  readonly variable: string;
  readonly argument: string;
  readonly default: string;
  readonly range: string;
  readonly description: string;
}

export function defineSettings<const T extends SettingsTable>(table: T): Settings<ConfigOf<T>> {
  const flags = new Set<string>();
  for (const setting of Object.values(table)) {
    if (flags.has(setting.flag)) throw new EdisError('internal', `two settings share the flag --${setting.flag}`);
    flags.add(setting.flag);
  }
  return { table, parse: (args, environment) => parseTable(table, args, environment) };
}

/** `args` is the command line without node and script. */
export function parseSettings<C>(settings: Settings<C>, args: readonly string[], environment: Environment): C {
  return settings.parse(args, environment);
}

// The keys are only known at run time; the overload ties each value's type to its row of the table.
function parseTable<T extends SettingsTable>(table: T, args: readonly string[], environment: Environment): ConfigOf<T>;
function parseTable(table: SettingsTable, args: readonly string[], environment: Environment): object {
  const flags = splitCommandLine(table, args);
  const config: Record<string, SettingValue> = {};
  for (const [name, setting] of Object.entries(table)) config[name] = valueOf(setting, flags, environment);
  return Object.freeze(config);
}

function splitCommandLine(table: SettingsTable, args: readonly string[]): ReadonlyMap<string, readonly unknown[]> {
  const settings = Object.values(table);
  const parsed = yargs([...args])
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    })
    .options(
      Object.fromEntries(
        settings.map((setting) => [setting.flag, { type: setting.kind === 'boolean' ? 'boolean' : 'string' }] as const),
      ),
    )
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail((message, error) => {
      throw new EdisError('usage', message ?? error.message);
    })
    .parseSync();
  const known = new Set(settings.map((setting) => setting.flag));
  const given = new Map<string, readonly unknown[]>();
  for (const [flag, value] of Object.entries(parsed)) {
    if (flag === '_' || flag === '$0' || value === undefined) continue;
    if (!known.has(flag)) throw unknownFlag(flag, known);
    given.set(flag, Array.isArray(value) ? value : [value]);
  }
  if (parsed._.length > 0) throw new EdisError('usage', `unexpected argument '${parsed._[0]}'; settings begin with --`);
  return given;
}

function unknownFlag(flag: string, known: Iterable<string>): EdisError {
  const suggestion = nearest(flag, [...known, 'help', 'version']);
  const hint = suggestion === undefined ? 'see --help' : `did you mean --${suggestion}?`;
  return new EdisError('usage', `unknown flag ${flag.length === 1 ? '-' : '--'}${flag}; ${hint}`);
}

function valueOf(
  setting: Setting,
  flags: ReadonlyMap<string, readonly unknown[]>,
  environment: Environment,
): SettingValue {
  const given = flags.get(setting.flag);
  if (given !== undefined) {
    const name = `--${setting.flag}`;
    return named(name, () =>
      parseTexts(
        setting,
        given.map((value) => flagText(setting, value)),
      ),
    );
  }
  const variable = variableOf(setting);
  const text = environment[variable];
  if (text !== undefined && text !== '') {
    const texts = setting.kind === 'list' ? text.split(',').map((item) => item.trim()) : [text];
    return named(variable, () => parseTexts(setting, texts));
  }
  return setting.kind === 'list' ? parseItems(setting, setting.default) : setting.default;
}

function flagText(setting: Setting, value: unknown): string {
  if (setting.kind === 'boolean') return String(value);
  if (typeof value === 'string' && value !== '') return value;
  throw new EdisError('usage', 'needs a value');
}

function parseTexts(setting: Setting, texts: readonly string[]): SettingValue {
  if (setting.kind === 'list') return parseItems(setting, texts);
  const [text] = texts;
  if (text === undefined || texts.length > 1) throw new EdisError('usage', 'is given more than once');
  return parseScalar(setting, text);
}

/** Puts the name of the flag or variable in front of what is wrong with its value. */
function named<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (caught) {
    const error = EdisError.from(caught);
    throw new EdisError(error.code, `${name}: ${error.message}`, { cause: error });
  }
}

/** The rows of a table, for help and for documents that are checked against it. */
export function describeSettings<C>(settings: Settings<C>): readonly SettingRow[] {
  return Object.values(settings.table).map((setting) => ({
    flag: `--${setting.flag}`,
    variable: variableOf(setting),
    argument: formatArgument(setting),
    default: formatDefault(setting),
    range: formatRange(setting),
    description: setting.description,
  }));
}

/** The text of `--help`. */
export function formatHelp<C>(name: string, settings: Settings<C>): string {
  const rows = [
    ...describeSettings(settings).map((row) => ({
      left: row.argument === '' ? row.flag : `${row.flag} ${row.argument}`,
      right: helpText(row),
    })),
    { left: '--help', right: 'show this and end' },
    { left: '--version', right: 'show the version and end' },
  ];
  const width = Math.max(...rows.map((row) => row.left.length));
  const lines = rows.map((row) => `  ${row.left.padEnd(width)}  ${row.right}`);
  return `${name} [flags]\n\n${lines.join('\n')}\n\nEach flag is also an environment variable; the flag wins.\n`;
}

function helpText(row: SettingRow): string {
  const facts = [row.variable];
  if (row.default !== '' && row.default !== 'false') facts.push(`default ${row.default}`);
  if (row.range !== '') facts.push(row.range);
  return `${row.description} [${facts.join(', ')}]`;
}
