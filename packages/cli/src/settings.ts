import { EdisError } from '@edis/core';
import { durationMs, maxTimeoutMs } from './amount.ts';
import type { OptionValues } from './option.ts';

/** What every command goes by: from its options, else from the environment, else the default. */
export interface Settings {
  readonly info: readonly string[];
  /** Whether info's address was given, or is the default. */
  readonly infoGiven: boolean;
  readonly network: string | undefined;
  readonly keyspace: string | undefined;
  readonly timeoutMs: number;
  /** Whether the deadline was given, or is the default. */
  readonly timeoutGiven: boolean;
  readonly json: boolean;
}

const defaultInfo = 'localhost:7400';
const defaultTimeoutMs = 5000;
const maxPort = 65_535;

export async function resolveSettings(
  options: OptionValues,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Settings> {
  // An empty variable counts as not set: that is how compose files and shells switch one off.
  const variable = (name: string) => (environment[name] === '' ? undefined : environment[name]);
  const infoFlags = options.list('info').flatMap((text) => text.split(','));
  const infoVariable = variable('EDIS_INFO')?.split(',');
  const info = (infoFlags.length > 0 ? infoFlags : (infoVariable ?? [defaultInfo])).map((text) => text.trim());
  const infoGiven = infoFlags.length > 0 || infoVariable !== undefined;
  if (infoGiven) checkInfo(info, infoFlags.length > 0 ? '--info' : 'EDIS_INFO');
  const timeoutFlag = options.text('timeout');
  const timeoutSource = timeoutFlag === undefined ? 'EDIS_TIMEOUT' : '--timeout';
  const timeout = timeoutFlag ?? variable('EDIS_TIMEOUT');
  return Object.freeze({
    info: Object.freeze(info),
    infoGiven,
    network: options.text('network') ?? variable('EDIS_NETWORK'),
    keyspace: options.text('keyspace') ?? variable('EDIS_KEYSPACE'),
    timeoutMs: timeout === undefined ? defaultTimeoutMs : await durationMs(timeoutSource, timeout, maxTimeoutMs),
    timeoutGiven: timeout !== undefined,
    json: options.flag('json'),
  });
}

/** Only says early which option was wrong; the client checks the address itself. */
function checkInfo(addresses: readonly string[], source: string): void {
  const wrong = addresses.find((address) => {
    const [, port] = /^[^\s,=/]+:([1-9]\d{0,4})$/.exec(address) ?? [];
    return port === undefined || Number(port) > maxPort;
  });
  if (wrong === undefined) return;
  throw new EdisError('usage', `${source}: '${wrong}' is not HOST:PORT, for example localhost:7400`);
}
