import type { KeyspaceRefusalCause, KeyspaceReply, KeyspaceSettings } from '@edis/core';
import { EdisError } from '@edis/core';
import { contract } from '../contract.ts';
import type {
  CreateKeyspaceResponse,
  CreateKeyspaceResponseInput,
} from '../generated/edis/v1/CreateKeyspaceResponse.ts';
import type { DropKeyspaceResponse, DropKeyspaceResponseInput } from '../generated/edis/v1/DropKeyspaceResponse.ts';
import type { KeyspaceRefusalCause as WireRefusalCause } from '../generated/edis/v1/KeyspaceRefusalCause.ts';
import type { KeyspaceRefused, KeyspaceRefusedInput } from '../generated/edis/v1/KeyspaceRefused.ts';
import { settingsFromWire, settingsToWire } from './keyspace-settings-codec.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { keyspaceFromWire, keyspaceToWire } from './topology-codec.ts';
import { member, present, safeInteger } from './wire-checks.ts';

/** InfoService.CreateKeyspace and DropKeyspace. */

export interface CreateKeyspaceRequest {
  readonly name: string;
  readonly settings: KeyspaceSettings;
}

type KeyspaceRefusal = Extract<KeyspaceReply, { kind: 'refused' }>;

const causeNames = {
  invalid: 'KEYSPACE_REFUSAL_CAUSE_INVALID',
  exists: 'KEYSPACE_REFUSAL_CAUSE_EXISTS',
  'no-such-keyspace': 'KEYSPACE_REFUSAL_CAUSE_NO_SUCH_KEYSPACE',
  'too-many': 'KEYSPACE_REFUSAL_CAUSE_TOO_MANY',
} as const satisfies Record<KeyspaceRefusalCause, WireRefusalCause>;

const causes: Readonly<Record<string, KeyspaceRefusalCause>> = {
  KEYSPACE_REFUSAL_CAUSE_INVALID: 'invalid',
  KEYSPACE_REFUSAL_CAUSE_EXISTS: 'exists',
  KEYSPACE_REFUSAL_CAUSE_NO_SUCH_KEYSPACE: 'no-such-keyspace',
  KEYSPACE_REFUSAL_CAUSE_TOO_MANY: 'too-many',
};

function refusalToWire({ cause, message }: KeyspaceRefusal): KeyspaceRefusedInput {
  return { cause: causeNames[cause], message };
}

function refusalFromWire({ cause, message }: KeyspaceRefused): KeyspaceRefusal {
  return { kind: 'refused', cause: member(causes, cause, 'KeyspaceRefused.cause'), message };
}

function wrongReply(reply: KeyspaceReply): EdisError {
  return new EdisError('internal', `'${reply.kind}' is no answer to this call`);
}

function createdToWire(reply: KeyspaceReply): CreateKeyspaceResponseInput {
  if (reply.kind === 'refused') return { refused: refusalToWire(reply) };
  if (reply.kind === 'dropped') throw wrongReply(reply);
  return { keyspace: keyspaceToWire(reply.keyspace), revision: reply.revision };
}

function createdFromWire({ keyspace, refused, revision }: CreateKeyspaceResponse): KeyspaceReply {
  if (refused !== null && refused !== undefined) return refusalFromWire(refused);
  return {
    kind: 'created',
    keyspace: keyspaceFromWire(present(keyspace, 'CreateKeyspaceResponse.keyspace')),
    revision: safeInteger(revision, 'CreateKeyspaceResponse.revision'),
  };
}

function droppedToWire(reply: KeyspaceReply): DropKeyspaceResponseInput {
  if (reply.kind === 'refused') return { refused: refusalToWire(reply) };
  if (reply.kind === 'created') throw wrongReply(reply);
  return { revision: reply.revision };
}

function droppedFromWire({ refused, revision }: DropKeyspaceResponse): KeyspaceReply {
  if (refused !== null) return refusalFromWire(refused);
  return { kind: 'dropped', revision: safeInteger(revision, 'DropKeyspaceResponse.revision') };
}

export const createKeyspaceRequestCodec = new LoadedCodec(
  contract.CreateKeyspaceRequest,
  ({ name, settings }: CreateKeyspaceRequest) => ({ name, settings: settingsToWire(settings) }),
  ({ name, settings }): CreateKeyspaceRequest => ({ name, settings: settingsFromWire(settings) }),
);

export const createKeyspaceResponseCodec = new LoadedCodec(
  contract.CreateKeyspaceResponse,
  createdToWire,
  createdFromWire,
);

export const dropKeyspaceRequestCodec = new LoadedCodec(
  contract.DropKeyspaceRequest,
  (name: string) => ({ name }),
  ({ name }) => name,
);

export const dropKeyspaceResponseCodec = new LoadedCodec(contract.DropKeyspaceResponse, droppedToWire, droppedFromWire);
