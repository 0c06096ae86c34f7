import type { Position, RememberedClient } from '@edis/core';
import { EdisError, EpochTable, invariant, OperationIds } from '@edis/core';
import { ChangeLog } from './change-log.ts';
import { damaged } from './damage.ts';
import { DataDirectory } from './data-directory.ts';
import { idHash } from './digest-table.ts';
import type { Disk } from './disk.ts';
import { decodeEntry, entryFault } from './entry-codec.ts';
import { checksumOf } from './frame.ts';
import type { KeyspaceRow } from './keyspace-row.ts';
import { KeyspaceTable } from './keyspace-table.ts';
import type { EntryBefore } from './log-head.ts';
import type { EncodedEntry, Entry } from './logged-operation.ts';
import { lastTimestampOf } from './logged-operation.ts';
import { Overlay } from './overlay.ts';
import { Receipts } from './receipt.ts';
import type { SetAsideCopy } from './set-aside.ts';
import { maySetAside, setAside, ViewAheadError } from './set-aside.ts';
import type { StoreEnvironment } from './store-environment.ts';
import type { StoreOptions, StoreSettings } from './store-options.ts';
import { defaultStoreSettings } from './store-options.ts';
import { View } from './view.ts';
import type { ViewState } from './view-state.ts';
import { compactBytes } from './wire.ts';

/**
 * Opens what a store is made of, and brings it to where the last process left it: an interrupted takeover of a
 * snapshot is completed, the view is opened, and the log's entries above it are read into overlay, operation ids
 * and epoch table.
 */
export interface StoreParts {
  readonly settings: StoreSettings;
  readonly directory: DataDirectory;
  readonly receipts: Receipts;
  readonly log: ChangeLog;
  readonly logEvents: LogEvents;
  readonly overlay: Overlay;
  readonly operationIds: OperationIds;
  readonly epochs: EpochTable;
  readonly lastEntry: Position;
  readonly lastTimestamp: number;
  readonly view: View;
  readonly state: ViewState;
  readonly keyspaces: KeyspaceTable;
  readonly keyspaceRows: readonly KeyspaceRow[];
  /** What was here before, and could not be used; undefined: nothing. */
  readonly setAside: SetAsideCopy | undefined;
}

/** Where the log's events go: to the store, once there is one. */
export interface LogEvents {
  onSynced(): void;
  onFailed(error: EdisError): void;
}

export async function openParts(options: StoreOptions): Promise<StoreParts> {
  const { environment } = options;
  const settings = settingsOf(options);
  const expected = options.expected ?? {};
  const directory = await DataDirectory.open(options.directory, environment.disk, options.newStoreId, expected);
  await finishInstall(environment, directory);
  const beginAnew = async (store: string, why: string): Promise<StoreParts> => {
    const path = await setAside(environment, directory, options.newStoreId);
    return { ...(await openView(settings, environment, directory)), setAside: { store, path, why } };
  };
  const { setAside: begun, store } = directory.identity;
  if (begun !== '') return beginAnew(begun, 'the start before this one broke off');
  try {
    return await openView(settings, environment, directory);
  } catch (caught) {
    if (!(caught instanceof ViewAheadError) || !maySetAside(directory)) throw caught;
    return beginAnew(store, caught.message);
  }
}

async function openView(
  settings: StoreSettings,
  environment: StoreEnvironment,
  directory: DataDirectory,
): Promise<StoreParts> {
  const view = new View(directory.viewPath, await environment.views.open(directory.viewPath));
  try {
    return await replayLog(settings, environment, directory, view);
  } catch (caught) {
    await view.close();
    throw caught;
  }
}

async function replayLog(
  settings: StoreSettings,
  environment: StoreEnvironment,
  directory: DataDirectory,
  view: View,
): Promise<StoreParts> {
  const state = view.loadState();
  const operationIds = new OperationIds();
  operationIds.restore(await view.loadClients());
  const keyspaceRows = await view.loadKeyspaces();
  const keyspaces = new KeyspaceTable(keyspaceRows);
  const overlay = new Overlay(idHash(directory.identity.store));
  const epochs = new EpochTable(state.epochs);
  let lastEntry: Position = { epoch: state.epoch, position: state.position };
  let lastTimestamp = state.timestamp;
  const logEvents: LogEvents = { onSynced: () => {}, onFailed: () => {} };
  const log = await ChangeLog.open(
    {
      disk: environment.disk,
      directory: directory.logPath,
      segmentBytes: settings.segmentBytes,
      onSynced: () => logEvents.onSynced(),
      onFailed: (error) => logEvents.onFailed(error),
    },
    state.position,
    {
      onEntry: (entry, { body }) => {
        overlay.append(entry, body);
        epochs.append(entry.epoch, entry.position);
        rememberOperations(operationIds, entry);
        keyspaces.append(entry);
        lastEntry = { epoch: entry.epoch, position: entry.position };
        lastTimestamp = lastTimestampOf(entry);
      },
    },
  );
  const receipts = await Receipts.open(environment.disk, directory);
  return {
    settings,
    directory,
    receipts,
    log,
    logEvents,
    overlay,
    operationIds,
    epochs,
    lastEntry,
    lastTimestamp,
    view,
    state,
    keyspaces,
    keyspaceRows,
    setAside: undefined,
  };
}

function settingsOf(options: StoreOptions): StoreSettings {
  const of = (name: keyof StoreSettings): number => options[name] ?? defaultStoreSettings[name];
  return {
    cacheBytes: of('cacheBytes'),
    overlayBytesMax: of('overlayBytesMax'),
    segmentBytes: of('segmentBytes'),
    retentionBytes: of('retentionBytes'),
    retentionBytesMax: of('retentionBytesMax'),
    memorySyncMs: of('memorySyncMs'),
  };
}

/** Notes the outcomes of an entry's operations. A delete is logged only when there was a record. */
export function rememberOperations(operationIds: OperationIds, entry: Entry): void {
  const lastTimestamp = lastTimestampOf(entry);
  for (const [client, below] of entry.completed) operationIds.complete(client, below, lastTimestamp);
  let version = entry.timestamp;
  for (const { client, sequence, slot, origin, answer } of entry.operations) {
    if (client !== '') {
      const { position } = entry;
      operationIds.remember(client, { sequence, slot, kind: origin, version, position, existed: true, answer });
    }
    version++;
  }
  operationIds.expire(lastTimestamp);
}

/** Carries out what is left of a takeover, or clears away a snapshot that never became whole. */
async function finishInstall(environment: StoreEnvironment, directory: DataDirectory): Promise<void> {
  const { views, disk } = environment;
  if (await views.exists(directory.readyViewPath)) {
    const ready = await views.open(directory.readyViewPath);
    const { position, keepLogUpTo = 0 } = new View(directory.readyViewPath, ready).loadState();
    await ready.close();
    await disk.makeDirectory(directory.logPath);
    if (keepLogUpTo > position) await cutStoredLog(disk, directory.logPath, position, keepLogUpTo);
    // The log as it is belongs to the state that was replaced; it is begun anew behind the snapshot.
    else await ChangeLog.beginAnew(disk, directory.logPath, position);
    await replaceView(environment, directory);
  }
  if (await views.exists(directory.nextViewPath)) await views.remove(directory.nextViewPath);
}

async function cutStoredLog(disk: Disk, directory: string, position: number, keepUpTo: number): Promise<void> {
  const options = { disk, directory, segmentBytes: 0, onSynced: () => {}, onFailed: () => {} };
  const log = await ChangeLog.open(options, position, { onEntry: () => {} });
  try {
    if (log.lastPosition > keepUpTo) await log.truncateAfter(keepUpTo);
  } finally {
    await log.close();
  }
}

/** How much of a log is read at once. */
const readBytesMax = 1024 * 1024;

/** What stays of the log behind a snapshot that takes over: the entries that both have in common. */
export async function cutLogBehind(
  log: ChangeLog,
  { position, epoch, timestamp, keepLogUpTo = 0 }: ViewState,
): Promise<readonly { readonly entry: Entry; readonly body: Uint8Array }[]> {
  if (keepLogUpTo <= position) {
    await log.reset(position);
    return [];
  }
  if (log.lastPosition > keepLogUpTo) await log.truncateAfter(keepLogUpTo);
  const kept: { readonly entry: Entry; readonly body: Uint8Array }[] = [];
  let before: EntryBefore = { entry: { epoch, position }, timestamp };
  for (let next = position + 1; next <= log.lastPosition; next = before.entry.position + 1) {
    const read = await log.read(next, readBytesMax);
    if (read === undefined || read.bodies.length === 0) throw damaged(`the log has no entry ${next} any more`);
    const { entries, encoded } = decodeEntries(next, read.bodies, read.checksums, before);
    for (const [index, entry] of entries.entries()) {
      kept.push({ entry, body: encoded[index]?.body ?? new Uint8Array() });
      before = { entry: { epoch: entry.epoch, position: entry.position }, timestamp: lastTimestampOf(entry) };
    }
  }
  return kept;
}

/** Puts the snapshot's view in the place of the old one, which is closed. */
async function replaceView(environment: StoreEnvironment, directory: DataDirectory): Promise<void> {
  await environment.views.remove(directory.viewPath);
  await environment.views.rename(directory.readyViewPath, directory.viewPath);
}

/** The same, and what the new view has to say. */
export async function openReplacement(
  environment: StoreEnvironment,
  directory: DataDirectory,
): Promise<{ view: View; clients: RememberedClient[]; keyspaceRows: KeyspaceRow[] }> {
  await replaceView(environment, directory);
  const view = new View(directory.viewPath, await environment.views.open(directory.viewPath));
  return { view, clients: await view.loadClients(), keyspaceRows: await view.loadKeyspaces() };
}

/** Entries that another member encoded; EdisError 'protocol' when one fails its check or does not follow the last. */
export function decodeEntries(
  firstPosition: number,
  bodies: readonly Uint8Array[],
  checksums: readonly number[],
  before: EntryBefore,
): { entries: Entry[]; encoded: EncodedEntry[] } {
  const encoded: EncodedEntry[] = [];
  const entries: Entry[] = [];
  let last = before.entry;
  let lastTimestamp = before.timestamp;
  for (const [index, body] of bodies.entries()) {
    const position = firstPosition + index;
    const fault = (what: string): EdisError => new EdisError('protocol', `entry ${position}: ${what}`);
    const checksum = checksums[index];
    if (checksum === undefined || checksumOf(body) !== checksum) throw fault('its checksum does not fit its bytes');
    const entry = decodeEntry(body, fault);
    const wrong = orderFault(entry, last, lastTimestamp);
    if (entry.position !== position || wrong !== undefined) throw fault(wrong ?? `it says ${entry.position}`);
    // It is a part of the message that brought it, and is kept for longer than that.
    encoded.push({ body: compactBytes(body), checksum });
    entries.push(entry);
    last = entry;
    lastTimestamp = lastTimestampOf(entry);
  }
  return { entries, encoded };
}

/** Guards the log against a caller's mistake. */
export function checkEntry(entry: Entry, before: EntryBefore): void {
  const fault = orderFault(entry, before.entry, before.timestamp) ?? entryFault(entry);
  invariant(fault === undefined, `entry ${entry.position}: ${fault ?? ''}`);
}

/** What is wrong with an entry that is to follow another; undefined: nothing. */
function orderFault(entry: Entry, last: Position, lastTimestamp: number): string | undefined {
  if (entry.position !== last.position + 1) return `position ${entry.position} does not follow ${last.position}`;
  if (entry.epoch < Math.max(1, last.epoch)) return `epoch ${entry.epoch} is below ${Math.max(1, last.epoch)}`;
  if (entry.timestamp <= lastTimestamp) return `timestamp ${entry.timestamp} is not above ${lastTimestamp}`;
  return undefined;
}
