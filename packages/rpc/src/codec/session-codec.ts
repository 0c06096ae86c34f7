import type {
  Configuration,
  InfoMessage,
  NodeMessage,
  NodeReport,
  NodeRole,
  RefusalCause,
  Registration,
} from '@edis/core';
import { unreachable } from '@edis/core';
import { contract } from '../contract.ts';
import type { ConfigurationInput, Configuration as WireConfiguration } from '../generated/edis/v1/Configuration.ts';
import type { NodeRole as WireNodeRole } from '../generated/edis/v1/NodeRole.ts';
import type { RefusalCause as WireRefusalCause } from '../generated/edis/v1/RefusalCause.ts';
import type { RegisterInput, Register as WireRegister } from '../generated/edis/v1/Register.ts';
import type { ReportInput, Report as WireReport } from '../generated/edis/v1/Report.ts';
import type { SessionRequest, SessionRequestInput } from '../generated/edis/v1/SessionRequest.ts';
import type { SessionResponse, SessionResponseInput } from '../generated/edis/v1/SessionResponse.ts';
import { groupMessageFromWire, groupMessageToWire } from './group-message-codec.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { malformed } from './message-codec.ts';
import { endpointsFromWire, endpointsToWire, updateFromWire, updateToWire } from './topology-codec.ts';
import { member, present, safeInteger } from './wire-checks.ts';
import { positionFromWire } from './wire-position.ts';

/** Both directions of InfoService.Session. */

const nodeRoleNames = {
  'write-shard': 'NODE_ROLE_WRITE_SHARD',
  'read-shard': 'NODE_ROLE_READ_SHARD',
} as const satisfies Record<NodeRole, WireNodeRole>;

const nodeRoles: Readonly<Record<string, NodeRole>> = {
  NODE_ROLE_WRITE_SHARD: 'write-shard',
  NODE_ROLE_READ_SHARD: 'read-shard',
};

const refusalCauseNames = {
  'other-cluster': 'REFUSAL_CAUSE_OTHER_CLUSTER',
  'other-shard': 'REFUSAL_CAUSE_OTHER_SHARD',
  'shard-taken': 'REFUSAL_CAUSE_SHARD_TAKEN',
  'no-such-shard': 'REFUSAL_CAUSE_NO_SUCH_SHARD',
  invalid: 'REFUSAL_CAUSE_INVALID',
  'name-taken': 'REFUSAL_CAUSE_NAME_TAKEN',
  'waits-for-operator': 'REFUSAL_CAUSE_WAITS_FOR_OPERATOR',
} as const satisfies Record<RefusalCause, WireRefusalCause>;

const refusalCauses: Readonly<Record<string, RefusalCause>> = {
  REFUSAL_CAUSE_OTHER_CLUSTER: 'other-cluster',
  REFUSAL_CAUSE_OTHER_SHARD: 'other-shard',
  REFUSAL_CAUSE_SHARD_TAKEN: 'shard-taken',
  REFUSAL_CAUSE_NO_SUCH_SHARD: 'no-such-shard',
  REFUSAL_CAUSE_INVALID: 'invalid',
  REFUSAL_CAUSE_NAME_TAKEN: 'name-taken',
  REFUSAL_CAUSE_WAITS_FOR_OPERATOR: 'waits-for-operator',
};

function registrationToWire(registration: Registration): RegisterInput {
  const { node, role, store, cluster, shard, endpoints, lastEntry, seenEpoch, host, pid, incarnation, promisedEpoch } =
    registration;
  return {
    node,
    role: nodeRoleNames[role],
    store,
    cluster,
    shard,
    endpoints: endpointsToWire(endpoints),
    lastEntry,
    seenEpoch,
    host,
    pid,
    incarnation,
    promisedEpoch,
  };
}

function registrationFromWire(wire: WireRegister): Registration {
  const { node, role, store, cluster, shard, endpoints, lastEntry, seenEpoch, host, pid, incarnation, promisedEpoch } =
    wire;
  return {
    node,
    role: member(nodeRoles, role, 'Register.role'),
    store,
    cluster,
    shard,
    endpoints: endpointsFromWire(endpoints),
    lastEntry: positionFromWire(lastEntry, 'Register.last_entry'),
    seenEpoch: safeInteger(seenEpoch, 'Register.seen_epoch'),
    host,
    pid,
    incarnation: safeInteger(incarnation, 'Register.incarnation'),
    promisedEpoch: safeInteger(promisedEpoch, 'Register.promised_epoch'),
  };
}

/** The wire has whole numbers only; figures are measured and may have fractions. */
function whole(value: number): number {
  return Math.max(0, Math.round(value));
}

export function reportToWire(report: NodeReport): ReportInput {
  const { lastEntry, applied, lagEntries, lagMs, serving, recordCount, operationsPerSecond } = report;
  return {
    lastEntry,
    applied,
    lagEntries: whole(lagEntries),
    lagMs: whole(lagMs),
    serving,
    recordCount,
    operationsPerSecond: whole(operationsPerSecond),
  };
}

export function reportFromWire(wire: WireReport): NodeReport {
  const { lastEntry, applied, lagEntries, lagMs, serving, recordCount, operationsPerSecond } = wire;
  return {
    lastEntry: positionFromWire(lastEntry, 'Report.last_entry'),
    applied: positionFromWire(applied, 'Report.applied'),
    lagEntries: safeInteger(lagEntries, 'Report.lag_entries'),
    lagMs: safeInteger(lagMs, 'Report.lag_ms'),
    serving,
    recordCount: safeInteger(recordCount, 'Report.record_count'),
    operationsPerSecond,
  };
}

function configurationToWire(configuration: Configuration): ConfigurationInput {
  const { shard, epoch, primarySince, primary, members, quorum, configuredSize, primaryEndpoints, leaseMs } =
    configuration;
  return {
    shard,
    epoch,
    primarySince,
    primary,
    members: [...members],
    quorum,
    configuredSize,
    primaryEndpoints: endpointsToWire(primaryEndpoints),
    leaseMs,
  };
}

function configurationFromWire(wire: WireConfiguration): Configuration {
  const { shard, epoch, primarySince, primary, members, quorum, configuredSize, primaryEndpoints, leaseMs } = wire;
  return {
    shard,
    epoch: safeInteger(epoch, 'Configuration.epoch'),
    primarySince: safeInteger(primarySince, 'Configuration.primary_since'),
    primary,
    members,
    quorum,
    configuredSize,
    primaryEndpoints: endpointsFromWire(primaryEndpoints),
    leaseMs,
  };
}

function nodeMessageToWire(message: NodeMessage): SessionRequestInput {
  switch (message.kind) {
    case 'register':
      return { register: registrationToWire(message.registration) };
    case 'report':
      return { report: reportToWire(message.report) };
    case 'leave':
      return { leave: {} };
    case 'promise':
    case 'propose':
    case 'handed-over':
    case 'retire':
      return groupMessageToWire(message);
    default:
      return unreachable(message);
  }
}

function nodeMessageFromWire(wire: SessionRequest): NodeMessage {
  if (wire.message === undefined) throw malformed('SessionRequest has no message');
  switch (wire.message) {
    case 'register':
      return { kind: 'register', registration: registrationFromWire(present(wire.register, 'register')) };
    case 'report':
      return { kind: 'report', report: reportFromWire(present(wire.report, 'report')) };
    case 'leave':
      return { kind: 'leave' };
    case 'promise':
    case 'propose':
    case 'handedOver':
    case 'retire':
      return groupMessageFromWire(wire, wire.message);
    default:
      return unreachable(wire.message);
  }
}

function infoMessageToWire(message: InfoMessage): SessionResponseInput {
  switch (message.kind) {
    case 'registered': {
      const { cluster, shard, reportMs, deadAfterMs, fencing } = message;
      return { registered: { cluster, shard, reportMs, deadAfterMs, fencing } };
    }
    case 'refused':
      return { refused: { cause: refusalCauseNames[message.cause], message: message.message } };
    case 'topology':
      return { topology: updateToWire(message.update) };
    case 'configuration':
      return { configuration: configurationToWire(message.configuration) };
    case 'prepare': {
      const { epoch, preferred, releasedBy } = message.prepare;
      return { prepare: { epoch, preferred, releasedBy } };
    }
    case 'hand-over':
      return { handOver: { epoch: message.epoch, to: message.to } };
    case 'proposal-refused':
      return { proposalRefused: { epoch: message.epoch } };
    default:
      return unreachable(message);
  }
}

function infoMessageFromWire(wire: SessionResponse): InfoMessage {
  if (wire.message === undefined) throw malformed('SessionResponse has no message');
  switch (wire.message) {
    case 'registered': {
      const { cluster, shard, reportMs, deadAfterMs, fencing } = present(wire.registered, 'registered');
      return {
        kind: 'registered',
        cluster,
        shard,
        reportMs,
        deadAfterMs,
        fencing: safeInteger(fencing, 'Registered.fencing'),
      };
    }
    case 'refused': {
      const { cause, message } = present(wire.refused, 'refused');
      return { kind: 'refused', cause: member(refusalCauses, cause, 'Refused.cause'), message };
    }
    case 'topology':
      return { kind: 'topology', update: updateFromWire(present(wire.topology, 'topology')) };
    case 'configuration':
      return {
        kind: 'configuration',
        configuration: configurationFromWire(present(wire.configuration, 'configuration')),
      };
    case 'prepare': {
      const { epoch, preferred, releasedBy } = present(wire.prepare, 'prepare');
      return { kind: 'prepare', prepare: { epoch: safeInteger(epoch, 'Prepare.epoch'), preferred, releasedBy } };
    }
    case 'handOver': {
      const { epoch, to } = present(wire.handOver, 'hand_over');
      return { kind: 'hand-over', epoch: safeInteger(epoch, 'HandOver.epoch'), to };
    }
    case 'proposalRefused': {
      const { epoch } = present(wire.proposalRefused, 'proposal_refused');
      return { kind: 'proposal-refused', epoch: safeInteger(epoch, 'ProposalRefused.epoch') };
    }
    default:
      return unreachable(wire.message);
  }
}

export const nodeMessageCodec = new LoadedCodec(contract.SessionRequest, nodeMessageToWire, nodeMessageFromWire);
export const infoMessageCodec = new LoadedCodec(contract.SessionResponse, infoMessageToWire, infoMessageFromWire);
