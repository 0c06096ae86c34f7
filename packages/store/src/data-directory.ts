import type { Configuration, Topology } from '@edis/core';
import { EdisError } from '@edis/core';
import { damaged } from './damage.ts';
import type { Disk } from './disk.ts';
import { pathOf } from './node-disk.ts';
import type { StoreEnvironment } from './store-environment.ts';

/**
 * The directory of one store: store.json says what it is, beside log/, view/, receipts/ and lock/.
 *
 * Guarantees: store.json is replaced as a whole, and safe when `save` returns. A directory that holds something
 * else, or was written by a newer format, is refused and left as it is.
 */
export interface StoreIdentity {
  /** Random, made with the directory: what a member is. */
  readonly store: string;
  /** Empty: not known yet. */
  readonly cluster: string;
  /** Empty: not known yet. */
  readonly shard: string;
  /** Name of the node that uses it. Empty: not known yet. */
  readonly node: string;
  /** The last one seen: a node follows the primary in it while info is away. */
  readonly configuration: Configuration | undefined;
  /** The longest lease that it may have granted to the primary of that one. */
  readonly longestLeaseMs: number;
  /** The last one seen: it says which keys the member may answer for while info is away. */
  readonly topology: Topology | undefined;
  /** It has a whole copy and has served reads. */
  readonly serving: boolean;
  /** The highest epoch that it promised: nothing of a lower one is taken in. 0: none. */
  readonly promisedEpoch: number;
  /** The highest number of an active info that it was registered with: one with a lower has been replaced. */
  readonly infoFencing: number;
  /** The store whose copy is being moved out of the way, to begin as a new one. Empty: none is. */
  readonly setAside: string;
}

/** What the opener knows to be right; a directory that says otherwise is refused. */
export interface ExpectedIdentity {
  readonly cluster?: string;
  readonly shard?: string;
  readonly node?: string;
}

const formatVersion = 1;
const kind = 'shard';
const fileName = 'store.json';
const newFileName = 'store.json.new';
/** Long enough for the news of a hand-over to be saved together, behind what is waited for. */
const soonMs = 200;
/**
 * What may lie in a directory that is about to become a store: leavings of a start that died, or of the file
 * system.
 */
const harmlessNames: ReadonlySet<string> = new Set([newFileName, 'lock', 'lost+found']);

export class DataDirectory {
  readonly path: string;
  readonly #disk: Disk;
  #identity: StoreIdentity;
  /** The write under way, and the one that begins after it. */
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  /** What changed is written in a while, if nothing else is before. */
  #soon: { readonly saved: Promise<void>; readonly cancel: () => void } | undefined;

  private constructor(path: string, disk: Disk, identity: StoreIdentity) {
    this.path = path;
    this.#disk = disk;
    this.#identity = identity;
  }

  /** Opens a directory, or makes a new one. The caller holds its lock. */
  static async open(
    path: string,
    disk: Disk,
    newStoreId: () => string,
    expected: ExpectedIdentity,
  ): Promise<DataDirectory> {
    const known = await readIdentity(path, disk);
    if (known !== undefined) {
      checkExpected(path, known, expected);
      return new DataDirectory(path, disk, known);
    }
    const identity = {
      store: newStoreId(),
      cluster: expected.cluster ?? '',
      shard: expected.shard ?? '',
      node: expected.node ?? '',
      configuration: undefined,
      longestLeaseMs: 0,
      topology: undefined,
      serving: false,
      promisedEpoch: 0,
      infoFencing: 0,
      setAside: '',
    };
    const directory = new DataDirectory(path, disk, identity);
    await directory.save({});
    return directory;
  }

  get identity(): StoreIdentity {
    return this.#identity;
  }

  get logPath(): string {
    return pathOf(this.path, 'log');
  }

  get viewPath(): string {
    return pathOf(this.path, 'view');
  }

  /** Where a snapshot is being received. */
  get nextViewPath(): string {
    return pathOf(this.path, 'view-next');
  }

  /** A complete snapshot that has taken over. */
  get readyViewPath(): string {
    return pathOf(this.path, 'view-ready');
  }

  get receiptsPath(): string {
    return pathOf(this.path, 'receipts');
  }

  /** The change is seen at once, and safe when this returns. Changes made while one is written are written together. */
  save(change: Partial<StoreIdentity>): Promise<void> {
    this.#identity = { ...this.#identity, ...change };
    this.#soon?.cancel();
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#running = this.#write();
        return this.#running;
      });
    return this.#next;
  }

  /** As `save`, for what nobody waits for: written with the next change that is saved, or in a while. */
  saveSoon(change: Partial<StoreIdentity>, environment: Pick<StoreEnvironment, 'startTimer'>): Promise<void> {
    this.#identity = { ...this.#identity, ...change };
    if (this.#soon !== undefined) return this.#soon.saved;
    let cancel = (): void => {};
    const saved = new Promise<void>((resolve, reject) => {
      const stop = environment.startTimer(soonMs, () => {
        this.#soon = undefined;
        this.save({}).then(resolve, reject);
      });
      cancel = () => {
        this.#soon = undefined;
        stop();
        resolve();
      };
    });
    this.#soon = { saved, cancel };
    return saved;
  }

  /** What is to be written soon is safe when this returns. */
  async flush(): Promise<void> {
    if (this.#soon !== undefined) await this.save({});
  }

  /** It is another store from now on, which has nothing and belongs to no group yet; safe when this returns. */
  renew(store: string): Promise<void> {
    const nothing = {
      configuration: undefined,
      longestLeaseMs: 0,
      topology: undefined,
      serving: false,
      promisedEpoch: 0,
    };
    return this.save({ store, ...nothing, setAside: this.#identity.store });
  }

  /** Nothing is being written any more, whether or not what was to be saved is safe. */
  async idle(): Promise<void> {
    this.#soon?.cancel();
    await (this.#next ?? this.#running).catch(() => {
      // Told to whoever wanted it saved.
    });
  }

  async #write(): Promise<void> {
    const path = pathOf(this.path, newFileName);
    const file = this.#disk.open(path);
    try {
      if (file.size > 0) await file.truncate(0);
      const text = JSON.stringify({ formatVersion, kind, ...this.#identity }, undefined, 2);
      file.append([Buffer.from(`${text}\n`)]);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.rename(path, pathOf(this.path, fileName));
    await this.#disk.syncDirectory(this.path);
  }
}

/** Name of the node that last used a directory, to keep it across restarts; undefined when it is none yet. */
export async function readIdentity(path: string, disk: Disk): Promise<StoreIdentity | undefined> {
  const file = pathOf(path, fileName);
  const size = await disk.sizeOf(file);
  if (size === undefined) {
    const foreign = (await disk.list(path)).find((name) => !harmlessNames.has(name) && !name.startsWith('.'));
    if (foreign === undefined) return undefined;
    throw new EdisError(
      'data-directory',
      `${path} is not empty (${foreign}) and is no Edis data directory: it has no ${fileName}; choose another one`,
    );
  }
  const handle = disk.open(file);
  try {
    return parseIdentity(file, Buffer.from(await handle.read(0, size)).toString('utf8'));
  } finally {
    await handle.close();
  }
}

function parseIdentity(path: string, text: string): StoreIdentity {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (caught) {
    throw damaged(`${path} is not readable as JSON`, caught);
  }
  if (typeof parsed !== 'object' || parsed === null || !('formatVersion' in parsed)) {
    throw damaged(`${path} has no format version`);
  }
  if (parsed.formatVersion !== formatVersion) {
    throw new EdisError(
      'data-directory',
      `${path} has format version ${String(parsed.formatVersion)}, this program reads ${formatVersion}; ` +
        'use the version of Edis that wrote it, or another data directory',
    );
  }
  if (!('kind' in parsed) || parsed.kind !== kind) {
    throw new EdisError(
      'data-directory',
      `${path} belongs to a process of another kind; choose another data directory`,
    );
  }
  if (!isIdentity(parsed)) throw damaged(`${path} lacks the store's id`);
  const configuration = completeConfiguration(parsed.configuration);
  return {
    store: parsed.store,
    cluster: parsed.cluster,
    shard: parsed.shard,
    node: parsed.node,
    configuration,
    // One that was written before it was kept has granted no other lease, as far as is known.
    longestLeaseMs: Math.max(countOf(parsed.longestLeaseMs), configuration?.leaseMs ?? 0),
    topology: completeTopology(parsed.topology),
    serving: parsed.serving === true,
    promisedEpoch: countOf(parsed.promisedEpoch),
    infoFencing: countOf(parsed.infoFencing),
    setAside: typeof parsed.setAside === 'string' ? parsed.setAside : '',
  };
}

/** One that was written before primaries could change lacks two fields; it then had no lease, and one epoch. */
function completeConfiguration(known: Configuration | undefined): Configuration | undefined {
  if (known === undefined) return undefined;
  return { ...known, primarySince: known.primarySince ?? known.epoch, leaseMs: known.leaseMs ?? 0 };
}

/** One that was written before members were told apart lacks the voters, which no node asks for. */
function completeTopology(known: Topology | undefined): Topology | undefined {
  if (known === undefined || known === null) return undefined;
  return { ...known, shards: known.shards.map((shard) => ({ ...shard, voters: shard.voters ?? [] })) };
}

/** Of a directory that an earlier version wrote it is absent. */
function countOf(stored: number): number {
  return Number.isSafeInteger(stored) ? stored : 0;
}

function isIdentity(parsed: object): parsed is StoreIdentity {
  const text = (name: string): boolean => typeof Reflect.get(parsed, name) === 'string';
  return text('store') && text('cluster') && text('shard') && text('node');
}

function checkExpected(path: string, known: StoreIdentity, expected: ExpectedIdentity): void {
  const names = ['cluster', 'shard', 'node'] as const;
  for (const name of names) {
    const wanted = expected[name] ?? '';
    if (wanted === '' || known[name] === '' || known[name] === wanted) continue;
    throw new EdisError(
      'data-directory',
      `${path} belongs to ${name} ${known[name]}, not to ${wanted}; choose another data directory or ${name}`,
    );
  }
}
