import type { Endpoint } from '@edis/core';
import { EdisError } from '@edis/core';
import { formatAddress, parseAddress, parseEndpoint } from './address.ts';
import { formatBytes, parseBytes } from './byte-size.ts';
import { formatDurationMs, parseDurationMs } from './duration.ts';

/**
 * One setting: its flag, its `EDIS_…` variable (the same words), its default and its range. The type of its value in
 * the config follows from `kind`; a default of `undefined` makes the value optional.
 */
interface SettingBase {
  /** Without dashes: `initial-shards`. */
  readonly flag: string;
  /** One line for `--help`. */
  readonly description: string;
}

export interface StringSetting extends SettingBase {
  readonly kind: 'string';
  readonly default: string | undefined;
  readonly choices?: readonly string[];
  readonly maxLength?: number;
  /** How help calls the value: `DIR`. */
  readonly argument?: string;
}

interface NumberSettingBase extends SettingBase {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export interface IntegerSetting extends NumberSettingBase {
  readonly kind: 'integer';
}

export interface DurationSetting extends NumberSettingBase {
  readonly kind: 'durationMs';
}

export interface BytesSetting extends NumberSettingBase {
  readonly kind: 'bytes';
}

export interface BooleanSetting extends SettingBase {
  readonly kind: 'boolean';
  readonly default: boolean;
}

/** `host:port`; port 0 is for listening only. */
export interface AddressSetting extends SettingBase {
  readonly kind: 'address';
  readonly default: string | undefined;
  readonly allowPortZero?: boolean;
}

/** A repeatable flag; its variable is comma-separated. */
export interface ListSetting extends SettingBase {
  readonly kind: 'list';
  readonly of: 'string' | 'address' | 'endpoint';
  readonly default: readonly string[];
}

export type Setting =
  | StringSetting
  | IntegerSetting
  | DurationSetting
  | BytesSetting
  | BooleanSetting
  | AddressSetting
  | ListSetting;

/** Key: name in the config, units last (`drainMs`). */
export type SettingsTable = Readonly<Record<string, Setting>>;

export type SettingValue = string | number | boolean | readonly string[] | readonly Endpoint[] | undefined;

interface ItemOf {
  readonly string: string;
  readonly address: string;
  readonly endpoint: Endpoint;
}

interface ScalarOf {
  readonly string: string;
  readonly integer: number;
  readonly durationMs: number;
  readonly bytes: number;
  readonly boolean: boolean;
  readonly address: string;
}

/** The type that a setting has in the config. */
export type ValueOf<S extends Setting> = S extends ListSetting
  ? readonly ItemOf[S['of']][]
  : S extends { readonly choices: readonly (infer Choice)[] }
    ? Choice
    : S extends { readonly kind: keyof ScalarOf }
      ? ScalarOf[S['kind']] | Extract<S['default'], undefined>
      : never;

/** The frozen config that a table describes. */
export type ConfigOf<T extends SettingsTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

export function variableOf(setting: Setting): string {
  return `EDIS_${setting.flag.replaceAll('-', '_').toUpperCase()}`;
}

function inRange(value: number, setting: IntegerSetting | DurationSetting | BytesSetting, text: string): number {
  if (value >= setting.min && value <= setting.max) return value;
  const [min, max] = [formatNumber(setting, setting.min), formatNumber(setting, setting.max)];
  throw new EdisError('usage', `'${text}' is out of range; allowed are ${min} to ${max}`);
}

function formatNumber(setting: IntegerSetting | DurationSetting | BytesSetting, value: number): string {
  if (setting.kind === 'durationMs') return formatDurationMs(value);
  return setting.kind === 'bytes' ? formatBytes(value) : String(value);
}

function parseString(setting: StringSetting, text: string): string {
  if (setting.choices !== undefined && !setting.choices.includes(text)) {
    throw new EdisError('usage', `'${text}' is not one of ${setting.choices.join(', ')}`);
  }
  if (setting.maxLength !== undefined && text.length > setting.maxLength) {
    throw new EdisError('usage', `'${text.slice(0, 32)}…' is longer than ${setting.maxLength} characters`);
  }
  return text;
}

function parseReachable(text: string, allowPortZero: boolean): string {
  const address = parseAddress(text);
  if (address.port === 0 && !allowPortZero) throw new EdisError('usage', `'${text}' has port 0, where nobody answers`);
  return formatAddress(address);
}

function parseBoolean(text: string): boolean {
  const word = text.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  if (['false', '0', 'no', 'off'].includes(word)) return false;
  throw new EdisError('usage', `'${text}' is neither true nor false`);
}

/** Reads one value of any setting save a list. */
export function parseScalar(setting: Exclude<Setting, ListSetting>, text: string): string | number | boolean {
  switch (setting.kind) {
    case 'string':
      return parseString(setting, text);
    case 'integer':
      if (!/^-?\d{1,15}$/.test(text)) throw new EdisError('usage', `'${text}' is not a whole number`);
      return inRange(Number(text), setting, text);
    case 'durationMs':
      return inRange(parseDurationMs(text), setting, text);
    case 'bytes':
      return inRange(parseBytes(text), setting, text);
    case 'boolean':
      return parseBoolean(text);
    case 'address':
      return parseReachable(text, setting.allowPortZero === true);
  }
}

/** Reads the items of a list. */
export function parseItems(setting: ListSetting, texts: readonly string[]): readonly string[] | readonly Endpoint[] {
  switch (setting.of) {
    case 'string':
      return Object.freeze([...texts]);
    case 'address':
      return Object.freeze(texts.map((text) => parseReachable(text, false)));
    case 'endpoint':
      return Object.freeze(texts.map(parseEndpoint));
  }
}

/** How a default or a range reads in help and documents. */
export function formatDefault(setting: Setting): string {
  switch (setting.kind) {
    case 'string':
    case 'address':
      return setting.default ?? '';
    case 'integer':
    case 'durationMs':
    case 'bytes':
      return formatNumber(setting, setting.default);
    case 'boolean':
      return String(setting.default);
    case 'list':
      return setting.default.join(',');
  }
}

/** What may be written after the flag; empty for a switch. */
export function formatArgument(setting: Setting): string {
  switch (setting.kind) {
    case 'string':
      return setting.argument ?? setting.choices?.join('|') ?? 'TEXT';
    case 'integer':
      return 'N';
    case 'durationMs':
      return 'DURATION';
    case 'bytes':
      return 'SIZE';
    case 'boolean':
      return '';
    case 'address':
      return 'HOST:PORT';
    case 'list':
      return { string: 'TEXT', address: 'HOST:PORT', endpoint: '[NETWORK=]HOST:PORT' }[setting.of];
  }
}

/** `1 – 100`, in the setting's unit; empty where there is no range. */
export function formatRange(setting: Setting): string {
  switch (setting.kind) {
    case 'integer':
    case 'durationMs':
    case 'bytes':
      return `${formatNumber(setting, setting.min)} – ${formatNumber(setting, setting.max)}`;
    case 'string':
    case 'boolean':
    case 'address':
    case 'list':
      return '';
  }
}
