export type { Address } from './address.ts';
export { advertisedEndpoints, formatAddress, parseAddress, parseEndpoint } from './address.ts';
export { formatBytes, parseBytes } from './byte-size.ts';
export { commonSettings } from './common-settings.ts';
export { continuousClock } from './continuous-clock.ts';
export { formatDurationMs, parseDurationMs } from './duration.ts';
export { exitCodeOf, exitCodes } from './exit-code.ts';
export { hostIdentity } from './host-identity.ts';
export type { Logger, LoggerOptions, LogLevel } from './logger.ts';
export { createLogger, logLevels } from './logger.ts';
export { nearest } from './nearest.ts';
export { makeNodeName } from './node-name.ts';
export type { ProcessHost } from './process-host.ts';
export { realTimers } from './real-timers.ts';
export type { ProcessConfig, ProcessDefinition, RunningRole } from './run-process.ts';
export { runProcess } from './run-process.ts';
export type {
  AddressSetting,
  BooleanSetting,
  BytesSetting,
  ConfigOf,
  DurationSetting,
  IntegerSetting,
  ListSetting,
  Setting,
  SettingsTable,
  SettingValue,
  StringSetting,
  ValueOf,
} from './setting.ts';
export type { Environment, SettingRow, Settings } from './settings.ts';
export { defineSettings, describeSettings, formatHelp, parseSettings } from './settings.ts';
