import type { MembershipProposal, NodeMessage, PromiseAnswer } from '@edis/core';
import { unreachable } from '@edis/core';
import type { MembershipChange as WireMembershipChange } from '../generated/edis/v1/MembershipChange.ts';
import type { PromiseKind as WirePromiseKind } from '../generated/edis/v1/PromiseKind.ts';
import type { SessionRequest, SessionRequestInput } from '../generated/edis/v1/SessionRequest.ts';
import { member, present, safeInteger } from './wire-checks.ts';
import { positionFromWire } from './wire-position.ts';

/** What the members of a group say to info about promises and members, on their session. */
type GroupMessage = Extract<NodeMessage, { kind: 'promise' | 'propose' | 'handed-over' | 'retire' }>;
type GroupField = Extract<SessionRequest['message'], 'promise' | 'propose' | 'handedOver' | 'retire'>;

const promiseKindNames = {
  promised: 'PROMISE_KIND_PROMISED',
  declined: 'PROMISE_KIND_DECLINED',
  outdated: 'PROMISE_KIND_OUTDATED',
} as const satisfies Record<PromiseAnswer['kind'], WirePromiseKind>;

const promiseKinds: Readonly<Record<string, PromiseAnswer['kind']>> = {
  PROMISE_KIND_PROMISED: 'promised',
  PROMISE_KIND_DECLINED: 'declined',
  PROMISE_KIND_OUTDATED: 'outdated',
};

const changeNames = {
  add: 'MEMBERSHIP_CHANGE_ADD',
  remove: 'MEMBERSHIP_CHANGE_REMOVE',
} as const satisfies Record<MembershipProposal['change'], WireMembershipChange>;

const changes: Readonly<Record<string, MembershipProposal['change']>> = {
  MEMBERSHIP_CHANGE_ADD: 'add',
  MEMBERSHIP_CHANGE_REMOVE: 'remove',
};

export function groupMessageToWire(message: GroupMessage): SessionRequestInput {
  switch (message.kind) {
    case 'promise': {
      const { kind, promisedEpoch, lastEntry, witness } = message.answer;
      return { promise: { kind: promiseKindNames[kind], promisedEpoch, lastEntry, witness } };
    }
    case 'propose': {
      const { epoch, change, store } = message.proposal;
      return { propose: { epoch, change: changeNames[change], store } };
    }
    case 'handed-over':
      return { handedOver: { epoch: message.epoch, to: message.to } };
    case 'retire':
      return { retire: {} };
    default:
      return unreachable(message);
  }
}

export function groupMessageFromWire(wire: SessionRequest, field: GroupField): GroupMessage {
  switch (field) {
    case 'promise': {
      const { kind, promisedEpoch, lastEntry, witness } = present(wire.promise, 'promise');
      return {
        kind: 'promise',
        answer: {
          kind: member(promiseKinds, kind, 'PromiseAnswer.kind'),
          promisedEpoch: safeInteger(promisedEpoch, 'PromiseAnswer.promised_epoch'),
          lastEntry: positionFromWire(lastEntry, 'PromiseAnswer.last_entry'),
          witness,
        },
      };
    }
    case 'propose': {
      const { epoch, change, store } = present(wire.propose, 'propose');
      const proposal = {
        epoch: safeInteger(epoch, 'MembershipProposal.epoch'),
        change: member(changes, change, 'MembershipProposal.change'),
        store,
      };
      return { kind: 'propose', proposal };
    }
    case 'handedOver': {
      const { epoch, to } = present(wire.handedOver, 'handed_over');
      return { kind: 'handed-over', epoch: safeInteger(epoch, 'HandedOver.epoch'), to };
    }
    case 'retire':
      return { kind: 'retire' };
    default:
      return unreachable(field);
  }
}
