/**
 * Decides what the creation or the end of a keyspace comes to; whoever asks makes the new state durable before it is
 * answered.
 */
import type { ClusterState } from './cluster-state.ts';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import { keyspaceNameFault, keyspaceSettingsFault } from './keyspace-settings.ts';
import { defaultKeyspaceId, defaultKeyspaceName, limits } from './limits.ts';
import type { KeyspaceReply } from './node-message.ts';
import type { Keyspace } from './topology.ts';

export type KeyspaceRefusal = Extract<KeyspaceReply, { readonly kind: 'refused' }>;

/** `state` is the one before when there is such a keyspace already. */
export type KeyspaceCreation =
  | { readonly kind: 'created'; readonly state: ClusterState; readonly keyspace: Keyspace }
  | KeyspaceRefusal;

export type KeyspaceRemoval = { readonly kind: 'dropped'; readonly state: ClusterState } | KeyspaceRefusal;

function refused(cause: KeyspaceRefusal['cause'], message: string): KeyspaceRefusal {
  return { kind: 'refused', cause, message };
}

/** The new keyspace has an id that none had before, and is spread over the shards as `default` is now. */
export function decideCreation(state: ClusterState, name: string, settings: KeyspaceSettings): KeyspaceCreation {
  const fault = keyspaceNameFault(name) ?? keyspaceSettingsFault(settings);
  if (fault !== undefined) return refused('invalid', fault);
  const { topology, nextKeyspaceId } = state;
  const namesake = topology.keyspaces.find((keyspace) => keyspace.name === name);
  if (namesake !== undefined) {
    if (sameSettings(namesake.settings, settings)) return { kind: 'created', state, keyspace: namesake };
    return refused('exists', `there is a keyspace ${name} with other settings; drop it first or choose another name`);
  }
  if (topology.keyspaces.length >= limits.maxKeyspaces) {
    return refused(
      'too-many',
      `there are ${limits.maxKeyspaces} keyspaces already, which is the limit; drop one first`,
    );
  }
  const slots = topology.keyspaces.find((keyspace) => keyspace.id === defaultKeyspaceId)?.slots ?? [];
  const keyspace: Keyspace = { id: nextKeyspaceId, name, strategy: 'hash', settings, slots };
  const keyspaces = [...topology.keyspaces, keyspace];
  const next = { ...state, nextKeyspaceId: nextKeyspaceId + 1, topology: { ...topology, keyspaces } };
  return { kind: 'created', state: next, keyspace };
}

export function decideRemoval(state: ClusterState, name: string): KeyspaceRemoval {
  if (name === defaultKeyspaceName) return refused('invalid', `keyspace ${defaultKeyspaceName} cannot be dropped`);
  const { topology } = state;
  const keyspaces = topology.keyspaces.filter((keyspace) => keyspace.name !== name);
  if (keyspaces.length === topology.keyspaces.length) {
    return refused(
      'no-such-keyspace',
      `there is no keyspace ${JSON.stringify(name.slice(0, limits.maxKeyspaceNameLength))}`,
    );
  }
  return { kind: 'dropped', state: { ...state, topology: { ...topology, keyspaces } } };
}

/** The order of the indexed fields says nothing. */
function sameSettings(left: KeyspaceSettings, right: KeyspaceSettings): boolean {
  return (
    left.defaultTtlMs === right.defaultTtlMs &&
    left.maxKeyBytes === right.maxKeyBytes &&
    left.maxValueBytes === right.maxValueBytes &&
    left.valueSchema === right.valueSchema &&
    sameIndexes(left.indexedFields, right.indexedFields)
  );
}

function sameIndexes(left: KeyspaceSettings['indexedFields'], right: KeyspaceSettings['indexedFields']): boolean {
  if (left === undefined || right === undefined) return left === right;
  const kinds = new Map(left.map(({ field, kind }) => [field, kind]));
  return left.length === right.length && right.every(({ field, kind }) => kinds.get(field) === kind);
}
