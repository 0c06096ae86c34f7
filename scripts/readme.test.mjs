import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { settings as infoSettings } from '../packages/info/src/index.ts';
import { describeSettings } from '../packages/process/src/index.ts';
import { settings as readShardSettings } from '../packages/read-shard/src/index.ts';
import { settings as writeShardSettings } from '../packages/write-shard/src/index.ts';

const tableLines = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|'));

/** Variables that the command line alone reads. */
const cliVariables = new Set(['EDIS_INFO', 'EDIS_NETWORK', 'EDIS_TIMEOUT', 'EDIS_JSON', 'EDIS_KEYSPACE']);

const roles = {
  'edis-info': infoSettings,
  'edis-write-shard': writeShardSettings,
  'edis-read-shard': readShardSettings,
};

it.each(Object.entries(roles))(
  'the README has every setting of %s with its flag, variable and default',
  (_, settings) => {
    const missing = describeSettings(settings).filter(
      (row) =>
        !tableLines.some(
          (line) =>
            line.includes(`\`${row.flag}\``) && line.includes(`\`${row.variable}\``) && line.includes(row.default),
        ),
    );
    expect(missing.map((row) => `${row.flag} ${row.variable} ${row.default}`)).toEqual([]);
  },
);

it('the README names no flag of a role that does not exist', () => {
  const known = new Set(
    Object.values(roles).flatMap((settings) => describeSettings(settings).map((row) => row.variable)),
  );
  const named = tableLines.flatMap((line) => line.match(/`EDIS_\w+`/g) ?? []).map((word) => word.slice(1, -1));
  expect(named.filter((variable) => !known.has(variable) && !cliVariables.has(variable))).toEqual([]);
});
