import type { FollowMessage, FollowResponse } from '@edis/core';
import { EdisError, unreachable } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contract } from '../contract.ts';
import type { FollowResponseInput } from '../generated/edis/v1/FollowResponse.ts';
import { FollowResponseCodec } from './follow-response-codec.ts';

const codec = new FollowResponseCodec();

const snapshotCauses = {
  'log-too-short': 'SNAPSHOT_CAUSE_LOG_TOO_SHORT',
  diverged: 'SNAPSHOT_CAUSE_DIVERGED',
  'log-too-long': 'SNAPSHOT_CAUSE_LOG_TOO_LONG',
} as const;
const refusalCauses = {
  'not-primary': 'FOLLOW_REFUSAL_CAUSE_NOT_PRIMARY',
  'other-shard': 'FOLLOW_REFUSAL_CAUSE_OTHER_SHARD',
  'other-cluster': 'FOLLOW_REFUSAL_CAUSE_OTHER_CLUSTER',
  'old-epoch': 'FOLLOW_REFUSAL_CAUSE_OLD_EPOCH',
} as const;

function variantToWire(message: FollowMessage, epoch: number): FollowResponseInput {
  switch (message.kind) {
    case 'start':
      return { start: { epoch, fromPosition: message.fromPosition, epochs: [...message.epochs] } };
    case 'snapshot-needed':
      return {
        snapshotNeeded: {
          cause: snapshotCauses[message.cause],
          lastPosition: message.lastPosition,
          epochs: [...message.epochs],
        },
      };
    case 'refused':
      return { refused: { cause: refusalCauses[message.cause], epoch } };
    case 'entries': {
      const bodies = message.bodies.map((body) => Buffer.from(body));
      return { entries: { firstPosition: message.firstPosition, bodies, checksums: [...message.checksums] } };
    }
    case 'watermark':
      return {};
    default:
      return unreachable(message);
  }
}

function toWire({ message, epoch, visiblePosition, syncPosition }: FollowResponse): FollowResponseInput {
  return { ...variantToWire(message, epoch), epoch, visiblePosition, syncPosition };
}

const uint64 = fc.oneof(fc.nat(200), fc.maxSafeNat());
const entry = fc.record({
  body: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  checksum: fc.integer({ min: 0, max: 0xffff_ffff }),
});
const epochStarts = fc.array(fc.record({ epoch: uint64, firstPosition: uint64 }), { maxLength: 4 });
const message: fc.Arbitrary<FollowMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('start' as const),
    fromPosition: uint64,
    epochs: epochStarts,
  }),
  fc.record({
    kind: fc.constant('snapshot-needed' as const),
    cause: fc.constantFrom('log-too-short', 'diverged', 'log-too-long'),
    lastPosition: uint64,
    epochs: epochStarts,
  }),
  fc.record({
    kind: fc.constant('refused' as const),
    cause: fc.constantFrom('not-primary', 'other-shard', 'other-cluster', 'old-epoch'),
  }),
  fc
    .record({ firstPosition: uint64, entries: fc.array(entry, { maxLength: 5 }) })
    .map(({ firstPosition, entries }) => ({
      kind: 'entries' as const,
      firstPosition,
      bodies: entries.map(({ body }) => body),
      checksums: entries.map(({ checksum }) => checksum),
    })),
  fc.constant({ kind: 'watermark' as const }),
);
const response: fc.Arbitrary<FollowResponse> = fc.record({
  message,
  epoch: uint64,
  visiblePosition: uint64,
  syncPosition: uint64,
});

function refusalOf(bytes: Buffer): EdisError | undefined {
  try {
    codec.decode(bytes);
    return undefined;
  } catch (caught) {
    if (caught instanceof EdisError) return caught;
    throw caught;
  }
}

describe('the hand-made codec of follow responses', () => {
  it('writes what proto-loader reads as the same message, and reads what it writes', () => {
    const { deserialize, serialize } = contract.FollowResponse;
    fc.assert(
      fc.property(response, (sent) => {
        const oracle = serialize(toWire(sent));
        expect(deserialize(codec.encode(sent))).toEqual(deserialize(oracle));
        expect(codec.decode(oracle)).toEqual(sent);
        expect(codec.decode(codec.encode(sent))).toEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  it('answers damaged bytes with a message or EdisError protocol, never otherwise', () => {
    fc.assert(
      fc.property(response, fc.nat(), fc.nat(255), (sent, at, byte) => {
        const bytes = codec.encode(sent);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        expect(['protocol', undefined]).toContain(refusalOf(bytes)?.code);
      }),
      { numRuns: 1000 },
    );
  });

  it('reads checksums that are not packed', () => {
    const unpacked = Buffer.from([0x22, 8, 0x12, 1, 0x61, 0x1d, 1, 0, 0, 0]);
    expect(codec.decode(unpacked).message).toMatchObject({ kind: 'entries', checksums: [1] });
  });

  it('refuses entries with another number of checksums than bodies', () => {
    expect(refusalOf(Buffer.from([0x22, 3, 0x12, 1, 0x61]))?.message).toContain('1 bodies, but 0 checksums');
  });
});
