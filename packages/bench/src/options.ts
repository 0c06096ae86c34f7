import { parseArgs } from 'node:util';

export const sectionNames = [
  'small',
  'large',
  'shards',
  'replica',
  'quorum',
  'failover',
  'bulk',
  'scan',
  'search',
  'metadata',
  'feed',
  'ycsb',
  'overload',
  'expiry',
  'testing',
] as const;
/** Only beside another build. */
const againstNames = ['against', 'against-replica'] as const;
export type SectionName = (typeof sectionNames)[number] | (typeof againstNames)[number];

export interface BenchOptions {
  readonly sections: readonly SectionName[];
  readonly rounds: number;
  readonly durationMs: number;
  readonly warmUpMs: number;
  /** Length of one measurement in sections of many cells. */
  readonly briefMs: number;
  readonly smallKeys: number;
  readonly largeKeys: number;
  readonly scannedKeys: number;
  /** Those that expire at one moment. */
  readonly expiringKeys: number;
  readonly callers: readonly number[];
  /** Of a primary by kill -9, and by hand-over. */
  readonly kills: number;
  readonly handOvers: number;
  /** Of an in-process test cluster. */
  readonly starts: number;
  /** Where another build is. */
  readonly against: string | undefined;
  readonly floors: boolean;
  readonly redis: boolean;
  readonly jsonFile: string | undefined;
  readonly directory: string | undefined;
  readonly help: boolean;
}

export const helpText = `npm run bench -- [options]

Measures a local Edis cluster and, where redis-server is installed, Redis, in the same run and in turns.

  --quick           a tenth of the time and of the keys: shows that it runs, its figures mean little
  --only NAMES      some of these, separated by commas:
                    ${sectionNames.join(', ')}
  --against DIR     this build beside another one, a checkout in which \`npm run setup\` was run;
                    adds the sections ${againstNames.join(', ')}, and measures only them without --only
  --callers LIST    numbers of concurrent callers (1,64,512)
  --rounds N        rounds per cell, of which the median counts (3)
  --duration-ms N   length of one measurement (3000); bulk and ycsb take a third of it, overload half
  --json FILE       also writes everything as JSON
  --directory DIR   where the data of the servers goes (the system's folder for temporary files)
  --no-floors       a missed floor is shown, but the exit code stays 0
  --no-redis        measures Edis alone
`;

/** Shorter ones measure how a loop starts. */
const leastBriefMs = 300;

const integerOf = (text: string, flag: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${flag} is a whole number from 1, not "${text}"`);
  return value;
};

function sectionsOf(text: string | undefined, against: string | undefined): readonly SectionName[] {
  if (text === undefined) return against === undefined ? sectionNames : againstNames;
  const words = text.split(',');
  const known: readonly SectionName[] = [...sectionNames, ...(against === undefined ? [] : againstNames)];
  const unknown = words.find((word) => !known.some((name) => name === word));
  if (unknown !== undefined) throw new Error(`--only knows ${known.join(', ')}, not "${unknown}"`);
  return known.filter((name) => words.includes(name));
}

export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      against: { type: 'string' },
      callers: { type: 'string', default: '1,64,512' },
      rounds: { type: 'string' },
      'duration-ms': { type: 'string' },
      json: { type: 'string' },
      directory: { type: 'string' },
      'no-floors': { type: 'boolean', default: false },
      'no-redis': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const quick = values.quick;
  const durationMs = integerOf(values['duration-ms'] ?? (quick ? '300' : '3000'), 'duration-ms');
  return Object.freeze({
    sections: sectionsOf(values.only, values.against),
    rounds: integerOf(values.rounds ?? (quick ? '1' : '3'), 'rounds'),
    durationMs,
    briefMs: Math.max(Math.min(durationMs, leastBriefMs), Math.round(durationMs / 3)),
    warmUpMs: quick ? 100 : 1000,
    smallKeys: quick ? 3000 : 30_000,
    largeKeys: quick ? 100_000 : 1_000_000,
    scannedKeys: quick ? 30_000 : 300_000,
    expiringKeys: quick ? 20_000 : 200_000,
    callers: values.callers.split(',').map((text) => integerOf(text, 'callers')),
    kills: quick ? 2 : 30,
    handOvers: quick ? 2 : 10,
    starts: quick ? 3 : 15,
    against: values.against,
    floors: !values['no-floors'],
    redis: !values['no-redis'],
    jsonFile: values.json,
    directory: values.directory,
    help: values.help,
  });
}
