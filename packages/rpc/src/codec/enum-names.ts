import type { BusyCause, InvalidCause, MemberRole } from '@edis/core';
import { malformed } from './message-codec.ts';

/** Names of enum members by their numbers on the wire, for the codecs that are written by hand. */

export const busyCauses: readonly (BusyCause | undefined)[] = [
  undefined,
  'queue-operations',
  'queue-bytes',
  'overlay',
  'clients',
  'client-share',
  'queries',
  'unreplicated',
];

export const invalidCauses: readonly (InvalidCause | undefined)[] = [
  undefined,
  'key-empty',
  'key-too-large',
  'value-too-large',
  'metadata-too-large',
  'no-such-keyspace',
  'malformed',
  'ttl-out-of-range',
  'not-an-integer',
  'integer-overflow',
  'not-a-number',
  'field-not-indexed',
  'too-many-groups',
  'deadline-passed',
];

export const memberRoles: readonly (MemberRole | undefined)[] = [undefined, 'primary', 'replica', 'learner'];

/** The name of a member; unspecified and unknown ones are refused. */
export function known<T extends string>(names: readonly (T | undefined)[], value: number, what: string): T {
  const name = names[value];
  if (name === undefined) throw malformed(`${what} has no member ${value}`);
  return name;
}
