import { EdisError } from '@edis/core';
import type { Disk, DiskFile, StoreEnvironment } from '@edis/store';
import type { Incarnation } from './incarnation.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedTime } from './simulated-time.ts';
import type { DiskWait } from './simulated-views.ts';
import { SimulatedViews } from './simulated-views.ts';
import { MemoryDisk, MemoryViewStorage } from './store-fakes.ts';

/** What operations of a disk take, in milliseconds from … to. */
export interface DiskTemper {
  readonly syncMs: readonly [number, number];
  /** Reads, renames and whatever else is asynchronous without being a sync. */
  readonly otherMs: readonly [number, number];
}

/** What a disk is asked for besides writing and syncing of files. */
export type DiskAccess = 'read' | 'size' | 'list' | 'rename' | 'remove' | 'truncate' | 'directory';

export const diskAccesses: readonly [DiskAccess, ...DiskAccess[]] = [
  'read',
  'size',
  'list',
  'rename',
  'remove',
  'truncate',
  'directory',
];

export const calmDisk: DiskTemper = { syncMs: [0.2, 3], otherMs: [0.01, 0.1] };

/** How far a full disk is from being one at all. */
const unlimited = Number.POSITIVE_INFINITY;

/**
 * The disk of a machine: files and views that outlive its processes, slow and faulty as the run wants it.
 *
 * A killed process leaves what it wrote unsynced as it is: unsynced still, and lost if the power fails before the next
 * process has synced it. That is what a page cache does, and a store that takes what it reads at its start for safe is
 * caught by it.
 */
export class SimulatedDisk {
  readonly #time: SimulatedTime;
  readonly #random: SeededRandom;
  readonly #tearing: SeededRandom;
  readonly #changes: SeededRandom;
  #files: MemoryDisk;
  #views = newViews();
  /** What it is like when nothing is wrong with it. */
  #usual: DiskTemper = calmDisk;
  #temper: DiskTemper = calmDisk;
  #hanging = false;
  /** How many accesses of a kind still succeed before one fails. */
  readonly #failing = new Map<DiskAccess, number>();
  /** What waits for the disk to answer again. */
  #held: (() => void)[] = [];
  /** Whose syncs they are. */
  #user: Incarnation | undefined;
  readonly #locked = new Set<string>();

  constructor(time: SimulatedTime, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
    this.#tearing = random.split('tear');
    this.#changes = random.split('unsynced changes');
    this.#files = this.#newFiles();
  }

  /** Syncs that were carried out or failed. */
  get syncCount(): number {
    return this.#files.syncCount;
  }

  /** What it is like from now on when nothing is wrong with it. */
  setUsual(temper: DiskTemper): void {
    this.#usual = temper;
    this.#temper = temper;
  }

  /** Syncs take that long for a while; undefined: as long as usual. */
  slowDown(syncMs: readonly [number, number] | undefined): void {
    this.#temper = syncMs === undefined ? this.#usual : { ...this.#usual, syncMs };
  }

  /** Syncs do not come back until it is over. */
  setHanging(hanging: boolean): void {
    this.#hanging = hanging;
    if (hanging) return;
    const held = this.#held;
    this.#held = [];
    for (const release of held) this.#time.after(0, release);
  }

  failSyncs(count: number): void {
    this.#files.failSync(count);
  }

  failWrites(count: number): void {
    this.#files.failWrite(count);
  }

  failViewWrites(count: number): void {
    this.#views.failWrite(count);
  }

  /** The next access of that kind fails, once `afterCount` of it have succeeded. */
  failAccess(access: DiskAccess, afterCount: number): void {
    this.#failing.set(access, afterCount);
  }

  /** Only this many more bytes fit. */
  fillUp(bytes: number): void {
    this.#files.fillUp(bytes);
  }

  /** It does again what it is asked for. */
  heal(): void {
    this.slowDown(undefined);
    this.setHanging(false);
    this.failSyncs(0);
    this.failWrites(0);
    this.failViewWrites(0);
    this.#failing.clear();
    this.fillUp(unlimited);
  }

  crash(tear: boolean): void {
    this.#files.crash(tear);
    // Nothing but promises stands between this and its end.
    void this.#views.crash(true);
  }

  /** Another, empty one stands in its place. */
  wipe(): void {
    // Handles of what was there are as dead as after a crash.
    this.#files.crash();
    this.#files = this.#newFiles();
    this.#views = newViews();
  }

  onProcessEnd(): void {
    this.#user = undefined;
    this.#held = [];
    this.#locked.clear();
  }

  /** Texts of the files in folders of that name. */
  filesIn(folder: string): readonly string[] {
    return this.#files
      .paths()
      .filter((path) => path.split('/').includes(folder))
      .map((path) => this.#files.bytesOf(path).toString());
  }

  /** What the store of one incarnation stands on. */
  environmentOf(incarnation: Incarnation): StoreEnvironment {
    this.#user = incarnation;
    const wait: DiskWait = (sync) => this.#wait(incarnation, sync);
    return {
      disk: new IncarnationDisk(this.#files, incarnation, {
        wait,
        check: (access, path) => this.#check(access, path),
      }),
      views: new SimulatedViews(this.#views, wait),
      lock: async (directory) => {
        if (this.#locked.has(directory)) throw new EdisError('data-directory', `${directory} is in use`);
        this.#locked.add(directory);
        return {
          release: async () => {
            this.#locked.delete(directory);
          },
        };
      },
      startTimer: (delayMs, onDue) => incarnation.timers.after(delayMs, onDue),
    };
  }

  #newFiles(): MemoryDisk {
    return new MemoryDisk({
      random: () => this.#tearing.fraction(),
      changesRandom: () => this.#changes.fraction(),
      beforeSync: () => this.#wait(this.#user, true),
    });
  }

  /** Throws when an access is one that fails. */
  #check(access: DiskAccess, path: string): void {
    const left = this.#failing.get(access);
    if (left === undefined) return;
    if (left > 0) {
      this.#failing.set(access, left - 1);
      return;
    }
    this.#failing.delete(access);
    throw new EdisError('disk', `cannot ${access} ${path}: input/output error of the device`);
  }

  /** What an operation takes; the promises of a process that is gone never settle. */
  #wait(user: Incarnation | undefined, sync: boolean): Promise<void> {
    const [fromMs, toMs] = sync ? this.#temper.syncMs : this.#temper.otherMs;
    user?.step('disk');
    return new Promise((resolve) => {
      if (user === undefined || !user.alive) return;
      const done = (): void => user.deliver(resolve);
      this.#time.after(this.#random.between(fromMs, toMs), () => {
        if (sync && this.#hanging) this.#held.push(done);
        else done();
      });
    });
  }
}

/** What an operation takes, and whether it fails. */
interface Device {
  readonly wait: DiskWait;
  readonly check: (access: DiskAccess, path: string) => void;
}

function newViews(): MemoryViewStorage {
  return new MemoryViewStorage({ forgetful: true });
}

/**
 * The disk as one incarnation of a process sees it. After its end operations have no effect: writes are forgotten, and
 * nothing asynchronous ever comes back, so that code that runs on in the same turn does not take a turn that no real
 * process could.
 */
class IncarnationDisk implements Disk {
  readonly #disk: MemoryDisk;
  readonly #incarnation: Incarnation;
  readonly #device: Device;

  constructor(disk: MemoryDisk, incarnation: Incarnation, device: Device) {
    this.#disk = disk;
    this.#incarnation = incarnation;
    this.#device = device;
  }

  open(path: string): DiskFile {
    return new IncarnationFile(this.#disk.open(path), this.#incarnation, this.#device);
  }

  async sizeOf(path: string): Promise<number | undefined> {
    await this.#device.wait(false);
    this.#device.check('size', path);
    return this.#disk.sizeOf(path);
  }

  async list(directory: string): Promise<string[]> {
    await this.#device.wait(false);
    this.#device.check('list', directory);
    return this.#disk.list(directory);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#device.wait(false);
    this.#device.check('rename', from);
    await this.#disk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#device.wait(false);
    this.#device.check('remove', path);
    await this.#disk.remove(path);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#device.wait(false);
    this.#device.check('directory', path);
    await this.#disk.makeDirectory();
  }

  async syncDirectory(path: string): Promise<void> {
    const endSync = this.#disk.beginSyncDirectory(path);
    await this.#device.wait(true);
    this.#device.check('directory', path);
    endSync();
  }
}

class IncarnationFile implements DiskFile {
  readonly path: string;
  readonly #file: DiskFile;
  readonly #incarnation: Incarnation;
  readonly #device: Device;
  /** What was written in vain after the end of the process. */
  #ghostBytes = 0;

  constructor(file: DiskFile, incarnation: Incarnation, device: Device) {
    this.path = file.path;
    this.#file = file;
    this.#incarnation = incarnation;
    this.#device = device;
  }

  get size(): number {
    return this.#file.size + this.#ghostBytes;
  }

  append(chunks: readonly Uint8Array[]): void {
    this.#incarnation.step('disk');
    if (this.#incarnation.alive) this.#file.append(chunks);
    else for (const chunk of chunks) this.#ghostBytes += chunk.length;
  }

  async sync(): Promise<void> {
    if (this.#incarnation.alive) await this.#file.sync();
    else await this.#device.wait(true);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    await this.#device.wait(false);
    this.#device.check('read', this.path);
    return this.#file.read(offset, length);
  }

  async rewrite(offset: number): Promise<void> {
    await this.#device.wait(false);
    await this.#file.rewrite(offset);
  }

  async truncate(size: number): Promise<void> {
    await this.#device.wait(false);
    this.#device.check('truncate', this.path);
    await this.#file.truncate(size);
  }

  async close(): Promise<void> {
    await this.#device.wait(false);
  }
}
