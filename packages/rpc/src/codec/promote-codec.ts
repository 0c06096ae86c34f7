import type { PromoteRefusalCause, PromoteReply, PromoteWish } from '@edis/core';
import { contract } from '../contract.ts';
import type { PromoteRefusalCause as WireRefusalCause } from '../generated/edis/v1/PromoteRefusalCause.ts';
import type { PromoteResponse } from '../generated/edis/v1/PromoteResponse.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { member } from './wire-checks.ts';

/** InfoService.Promote. */

const causeNames = {
  'no-such-shard': 'PROMOTE_REFUSAL_CAUSE_NO_SUCH_SHARD',
  'no-such-node': 'PROMOTE_REFUSAL_CAUSE_NO_SUCH_NODE',
  'not-a-member': 'PROMOTE_REFUSAL_CAUSE_NOT_A_MEMBER',
  'not-alive': 'PROMOTE_REFUSAL_CAUSE_NOT_ALIVE',
  'is-primary': 'PROMOTE_REFUSAL_CAUSE_IS_PRIMARY',
  'primary-well': 'PROMOTE_REFUSAL_CAUSE_PRIMARY_WELL',
} as const satisfies Record<PromoteRefusalCause, WireRefusalCause>;

const causes: Readonly<Record<string, PromoteRefusalCause>> = {
  PROMOTE_REFUSAL_CAUSE_NO_SUCH_SHARD: 'no-such-shard',
  PROMOTE_REFUSAL_CAUSE_NO_SUCH_NODE: 'no-such-node',
  PROMOTE_REFUSAL_CAUSE_NOT_A_MEMBER: 'not-a-member',
  PROMOTE_REFUSAL_CAUSE_NOT_ALIVE: 'not-alive',
  PROMOTE_REFUSAL_CAUSE_IS_PRIMARY: 'is-primary',
  PROMOTE_REFUSAL_CAUSE_PRIMARY_WELL: 'primary-well',
};

function replyFromWire({ refused }: PromoteResponse): PromoteReply {
  if (refused === null) return { kind: 'accepted' };
  const { cause, message } = refused;
  return { kind: 'refused', cause: member(causes, cause, 'PromoteRefused.cause'), message };
}

export const promoteRequestCodec = new LoadedCodec(
  contract.PromoteRequest,
  ({ shard, node, isUnsafe }: PromoteWish) => ({ shard, node, unsafe: isUnsafe }),
  ({ shard, node, unsafe }): PromoteWish => ({ shard, node, isUnsafe: unsafe }),
);

export const promoteResponseCodec = new LoadedCodec(
  contract.PromoteResponse,
  (reply: PromoteReply) =>
    reply.kind === 'accepted' ? {} : { refused: { cause: causeNames[reply.cause], message: reply.message } },
  replyFromWire,
);
