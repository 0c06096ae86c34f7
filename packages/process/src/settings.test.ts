import { EdisError } from '@edis/core';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { commonSettings } from './common-settings.ts';
import { defineSettings, describeSettings, formatHelp, parseSettings } from './settings.ts';

const settings = defineSettings({
  ...commonSettings({ listen: '0.0.0.0:7400' }),
  info: { kind: 'list', of: 'address', flag: 'info', default: ['localhost:7400'], description: 'where info is' },
  initialShards: { kind: 'integer', flag: 'initial-shards', default: 3, min: 1, max: 1000, description: 'how many' },
  cacheBytes: { kind: 'bytes', flag: 'cache', default: 268_435_456, min: 0, max: 2 ** 40, description: 'cache' },
  store: { kind: 'string', flag: 'store', default: 'embedded', choices: ['embedded', 'etcd'], description: 'where' },
});

const parse = (args: readonly string[], environment: Record<string, string> = {}) =>
  parseSettings(settings, args, environment);

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (caught) {
    const error = EdisError.from(caught);
    return `${error.code}: ${error.message}`;
  }
  return 'nothing was thrown';
}

describe('settings', () => {
  test('without anything given, every setting has its default and the config is frozen', () => {
    const config = parse([]);
    expect(config).toEqual({
      node: undefined,
      listen: '0.0.0.0:7400',
      advertise: [],
      data: undefined,
      ephemeral: false,
      logLevel: 'info',
      drainMs: 10_000,
      exitWithStdin: false,
      info: ['localhost:7400'],
      initialShards: 3,
      cacheBytes: 268_435_456,
      store: 'embedded',
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.info)).toBe(true);
  });

  test('the type of the config follows from the table', () => {
    const config = parse([]);
    expectTypeOf(config.initialShards).toEqualTypeOf<number>();
    expectTypeOf(config.data).toEqualTypeOf<string | undefined>();
    expectTypeOf(config.store).toEqualTypeOf<'embedded' | 'etcd'>();
    expectTypeOf(config.info).toEqualTypeOf<readonly string[]>();
    expectTypeOf(config.ephemeral).toEqualTypeOf<boolean>();
    expect(config.store).toBe('embedded');
  });

  test('a flag beats its variable, which beats the default', () => {
    expect(parse([], { EDIS_INITIAL_SHARDS: '5' }).initialShards).toBe(5);
    expect(parse(['--initial-shards', '7'], { EDIS_INITIAL_SHARDS: '5' }).initialShards).toBe(7);
    expect(parse(['--no-ephemeral'], { EDIS_EPHEMERAL: 'true' }).ephemeral).toBe(false);
    expect(parse(['--ephemeral']).ephemeral).toBe(true);
    expect(parse(['--drain=250ms', '--cache', '1MiB'])).toMatchObject({ drainMs: 250, cacheBytes: 1_048_576 });
  });

  test('a repeated flag is a comma-separated variable', () => {
    const expected = [
      { network: 'internal', address: 'info:7400' },
      { network: 'host', address: 'localhost:7400' },
    ];
    expect(parse(['--advertise', 'internal=info:7400', '--advertise', 'host=localhost:7400']).advertise).toEqual(
      expected,
    );
    expect(parse([], { EDIS_ADVERTISE: 'internal=info:7400, host=localhost:7400' }).advertise).toEqual(expected);
  });

  test('an empty variable is unset, and variables of others are ignored', () => {
    expect(parse([], { EDIS_INITIAL_SHARDS: '', EDIS_SOAK: '1' }).initialShards).toBe(3);
  });

  test('an unknown flag is refused with the nearest one', () => {
    expect(messageOf(() => parse(['--initial-shard', '3']))).toBe(
      'usage: unknown flag --initial-shard; did you mean --initial-shards?',
    );
    expect(messageOf(() => parse(['--colour']))).toBe('usage: unknown flag --colour; see --help');
    expect(messageOf(() => parse(['-x']))).toBe('usage: unknown flag -x; see --help');
  });

  test('an argument that is no flag is refused', () => {
    expect(messageOf(() => parse(['now']))).toBe("usage: unexpected argument 'now'; settings begin with --");
  });

  test.each([
    [['--initial-shards', 'many'], "usage: --initial-shards: 'many' is not a whole number"],
    [['--initial-shards', '0'], "usage: --initial-shards: '0' is out of range; allowed are 1 to 1000"],
    [['--drain', '5'], "usage: --drain: '5' is not a duration; write for example 500ms, 30s, 5m, 2h or 7d"],
    [['--drain', '1h'], "usage: --drain: '1h' is out of range; allowed are 0ms to 10m"],
    [['--listen'], 'usage: --listen: needs a value'],
    [['--listen', 'a:1', '--listen', 'b:2'], 'usage: --listen: is given more than once'],
    [['--info', 'localhost:0'], "usage: --info: 'localhost:0' has port 0, where nobody answers"],
    [['--store', 'redis'], "usage: --store: 'redis' is not one of embedded, etcd"],
  ])('%j names the flag and the text', (args, message) => {
    expect(messageOf(() => parse(args))).toBe(message);
  });

  test('a wrong variable is named as the variable', () => {
    expect(messageOf(() => parse([], { EDIS_CACHE: 'lots' }))).toBe(
      "usage: EDIS_CACHE: 'lots' is not a size; write for example 64MiB, 1GiB or 4096",
    );
  });

  test('help has a line for each setting, with its variable, default and range', () => {
    const help = formatHelp('edis-info', settings);
    for (const row of describeSettings(settings)) {
      expect(help).toContain(row.flag);
      expect(help).toContain(row.variable);
    }
    expect(help).toMatch(/--drain DURATION\s+.*\[EDIS_DRAIN, default 10s, 0ms – 10m\]/);
  });

  test('two settings with one flag are a bug', () => {
    const setting = { kind: 'boolean', flag: 'twice', default: false, description: '' } as const;
    expect(messageOf(() => defineSettings({ a: setting, b: setting }))).toContain('internal: ');
  });
});
