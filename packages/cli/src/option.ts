import { EdisError } from '@edis/core';

/** `flag`: without a value; `text`: one value; `list`: may be repeated. */
export type OptionKind = 'flag' | 'text' | 'list';

/** What a shell can complete a value with, besides fixed choices. */
export type Completion = 'command' | 'directory' | 'file' | 'key' | 'keyspace';

export interface OptionDefinition {
  readonly kind: OptionKind;
  readonly description: string;
  /** What stands for the value in help. */
  readonly placeholder?: string;
  readonly choices?: readonly string[];
  readonly completes?: Completion;
}

export type OptionTable = Readonly<Record<string, OptionDefinition>>;

/** Options that every command takes. */
export const globalOptions: OptionTable = {
  info: {
    kind: 'list',
    placeholder: 'HOST:PORT',
    description: 'where info is; repeatable (EDIS_INFO, default localhost:7400)',
  },
  network: { kind: 'text', placeholder: 'NAME', description: 'network whose endpoints are dialled (EDIS_NETWORK)' },
  keyspace: {
    kind: 'text',
    placeholder: 'NAME',
    description: 'keyspace of the keys (EDIS_KEYSPACE, default default)',
    completes: 'keyspace',
  },
  timeout: { kind: 'text', placeholder: '5s', description: 'deadline of each call (EDIS_TIMEOUT, default 5s)' },
  json: { kind: 'flag', description: 'results as JSON, one document or one per line' },
  help: { kind: 'flag', description: 'show help' },
  version: { kind: 'flag', description: 'show the version' },
};

/** Options of reads. */
export const readOptions: OptionTable = {
  consistency: {
    kind: 'text',
    choices: ['eventual', 'session', 'bounded', 'strong'],
    description: 'how fresh the answer must be (default session)',
  },
  'max-staleness': { kind: 'text', placeholder: '500ms', description: 'bounded: how far behind the answer may be' },
  after: { kind: 'text', placeholder: 'TOKEN', description: 'session: the token of a write that must be seen' },
};

export const ackOption = {
  kind: 'text',
  choices: ['memory', 'disk', 'quorum'],
  description: 'how safe the write must be before it is acknowledged (default disk)',
} as const satisfies OptionDefinition;

export const ttlOption = {
  kind: 'text',
  placeholder: '30s|never',
  description: 'the record is gone after that long (default: as the keyspace says)',
} as const satisfies OptionDefinition;

/** Options that say which keys. */
export const rangeOptions: OptionTable = {
  prefix: { kind: 'text', placeholder: 'P', description: 'only keys that begin so' },
  from: { kind: 'text', placeholder: 'A', description: 'first key, inclusive' },
  to: { kind: 'text', placeholder: 'B', description: 'last key, exclusive' },
};

/** Options that say how much of a long answer. */
export const pageOptions: OptionTable = {
  limit: { kind: 'text', placeholder: 'N', description: 'end after that many; the cursor to go on from is on stderr' },
  cursor: { kind: 'text', placeholder: 'C', description: 'go on where an earlier call with the same arguments ended' },
};

/** The options of one command line, by name. */
export class OptionValues {
  readonly #values: ReadonlyMap<string, string | boolean | readonly string[]>;

  constructor(values: ReadonlyMap<string, string | boolean | readonly string[]>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values.get(name);
    return typeof value === 'object' ? value : [];
  }

  /** One of a closed list of words. */
  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === text);
    if (choice !== undefined) return choice;
    throw new EdisError('usage', `--${name} is '${text}'; it must be one of ${choices.join(', ')}`);
  }

  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new EdisError('usage', `--${name} is '${text}'; it must be a whole number from ${min} to ${max}`);
  }
}
