import { statfs } from 'node:fs/promises';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly cpus: number;
  readonly cpuModel: string;
  readonly memoryBytes: number;
  readonly node: string;
  readonly system: string;
  readonly fileSystem: string;
  readonly redis: string | undefined;
  /** Of the minute before the start; well above 0, other work disturbs the figures. */
  readonly loadAverage: number;
}

/** The magic numbers of statfs(2) that matter for a figure about syncs. */
const fileSystems: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x5846_5342, 'xfs'],
  [0x9123_683e, 'btrfs'],
  [0x0102_1994, 'tmpfs'],
  [0x794c_7630, 'overlayfs'],
]);

export async function describeMachine(directory: string, redis: string | undefined): Promise<Machine> {
  const { type: magic } = await statfs(directory);
  return {
    cpus: cpus().length,
    cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
    memoryBytes: totalmem(),
    node: process.version,
    system: `${type()} ${release()} ${arch()}`,
    fileSystem: fileSystems.get(magic) ?? `0x${magic.toString(16)}`,
    redis,
    loadAverage: loadavg()[0] ?? 0,
  };
}
