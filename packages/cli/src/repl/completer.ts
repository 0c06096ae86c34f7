/** Completes commands, options, their values, keyspaces and keys. Never fails: what cannot be known is not offered. */
import type { Client } from '@edis/client';
import type { CommandDefinition } from '../command.ts';
import { commandIndex } from '../command-index.ts';
import { decodeText } from '../json-bytes.ts';
import type { Completion, OptionTable } from '../option.ts';
import { globalOptions } from '../option.ts';
import { printableLine } from '../printable.ts';
import { sessionWords } from './repl-session.ts';
import type { WordInProgress } from './words.ts';
import { wordInProgress } from './words.ts';

/** More are not read at a glance. */
const maxKeys = 30;
/** Nobody waits longer for a suggestion. */
const keyDeadlineMs = 300;

/** The words that fit, and what of the line they replace. */
export type Completions = [string[], string];

export class Completer {
  readonly #open: () => Promise<Client>;

  /** @param open gives a client of the session's keyspace */
  constructor(open: () => Promise<Client>) {
    this.#open = open;
  }

  async complete(line: string): Promise<Completions> {
    const progress = wordInProgress(line);
    if (progress === undefined) return [[], line];
    const candidates = await this.#candidates(progress).catch(() => []);
    const fitting = candidates.filter((candidate) => candidate.startsWith(progress.word));
    return [fitting.flatMap((candidate) => quoted(candidate, progress)), progress.typed];
  }

  async #candidates({ before, word }: WordInProgress): Promise<string[]> {
    const words = before[0] === 'edis' ? before.slice(1) : before;
    const [first, second] = words;
    if (first === undefined) return firstWords();
    if (first === 'use') return this.#named('keyspace', word);
    if (first === 'help') return second === undefined ? firstWords() : secondWords(second);
    const group = secondWords(first);
    if (group.length > 0 && words.length === 1) return group;
    const command = await commandIndex.get(group.length > 0 ? `${first} ${second}` : first)?.load();
    return command === undefined ? [] : this.#argument(command, words.slice(group.length > 0 ? 2 : 1), word);
  }

  async #argument(command: CommandDefinition, given: readonly string[], word: string): Promise<string[]> {
    const options: OptionTable = { ...command.options, ...globalOptions };
    const [, name] = /^--(.+)$/.exec(given.at(-1) ?? '') ?? [];
    const option = name !== undefined && Object.hasOwn(options, name) ? options[name] : undefined;
    if (option !== undefined && option.kind !== 'flag') {
      return option.choices === undefined ? this.#named(option.completes, word) : [...option.choices];
    }
    if (word.startsWith('-')) return Object.keys(options).map((one) => `--${one}`);
    const place = given.filter((one, index) => !one.startsWith('-') && !takesNext(given[index - 1], options)).length;
    const argument = command.arguments[place] ?? command.arguments.findLast(({ repeated }) => repeated === true);
    return this.#named(argument?.completes, word);
  }

  async #named(what: Completion | undefined, word: string): Promise<string[]> {
    if (what === 'command') return firstWords();
    if (what !== 'key' && what !== 'keyspace') return [];
    const client = await this.#open();
    if (what === 'keyspace') return client.topology().keyspaces.map(({ name }) => name);
    const query = { prefix: word, limit: maxKeys, pageSize: maxKeys, timeoutMs: keyDeadlineMs };
    const keys = await client.keys(query).toArray();
    return keys.flatMap((key) => (typeof key === 'string' ? key : (decodeText(key) ?? [])));
  }
}

function firstWords(): string[] {
  return [...new Set([...commandIndex.keys()].map((name) => name.replace(/ .*$/, ''))), ...sessionWords.keys()];
}

function secondWords(group: string): string[] {
  return [...commandIndex.keys()]
    .filter((name) => name.startsWith(`${group} `))
    .map((name) => name.slice(group.length + 1));
}

function takesNext(word: string | undefined, options: OptionTable): boolean {
  const [, name] = /^--(.+)$/.exec(word ?? '') ?? [];
  return name !== undefined && Object.hasOwn(options, name) && options[name]?.kind !== 'flag';
}

/** As it has to be typed; none where quotes would have to be put around what stands there already. */
function quoted(candidate: string, { typed, word, quote }: WordInProgress): string[] {
  if (printableLine(candidate) !== candidate) return [];
  if (quote !== '')
    return candidate.includes(quote) || candidate.includes('\\') ? [] : [`${quote}${candidate}${quote} `];
  // The readline module compares what it gets with what was typed.
  return typed === word && /^[\w@%+=:,./-]+$/.test(candidate) ? [`${candidate} `] : [];
}
