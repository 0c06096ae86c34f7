import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@edis/client';
import { connect } from '@edis/client';
import { EdisError } from '@edis/core';
import { type Cluster, type ClusterProcess, startCluster } from '@edis/launcher';
import { afterEach, expect, it } from 'vitest';
import { leaderOf } from '../src/failover-load.ts';
import { JudgedCluster } from './judged-cluster.ts';
import { SmallDisk } from './small-disk.ts';

const diskMib = 48;
/** Of one that has the log alone, which the view would otherwise outgrow. */
const logMib = 24;
const enoughMib = 400;
const valueBytes = 64 * 1024;
const callers = 8;
/** Far more than fits, so that a disk which never fills up ends the test too. */
const mostWrites = (diskMib * 1024 * 1024 * 4) / valueBytes;
/** A write that meets the full disk must not wait for longer than this for its answer. */
const answerMs = 5_000;

let ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  ends = [];
});

const valueOf = (key: string): string => key.padEnd(valueBytes, key);

/** Writes until the first failure of each caller, or for as long as it goes on. */
async function fillUp(
  client: Client,
  acknowledged: Set<string>,
  goesOn: () => boolean = () => true,
): Promise<readonly unknown[]> {
  let next = 0;
  const failures: unknown[] = [];
  const caller = async (): Promise<void> => {
    while (next < mostWrites && goesOn()) {
      const key = `fill:${next}`;
      next += 1;
      try {
        await client.put(key, valueOf(key), { ack: 'disk' });
        acknowledged.add(key);
      } catch (error) {
        failures.push(error);
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return failures;
}

/** It says in one line that the disk is full, and ends with 74. */
async function expectFull(process: ClusterProcess): Promise<void> {
  expect(await process.exited).toEqual({ code: 74, signal: null });
  const [reason, ...more] = process.lastLines.filter((line) => line.startsWith(`edis-${process.role}: `));
  expect(reason).toMatch(/ENOSPC|No space left on device/i);
  expect(more).toEqual([]);
  expect(process.lastLines.filter((line) => /^\s+at /.test(line))).toEqual([]);
}

async function startOnSmallDisk(): Promise<{ disk: SmallDisk; cluster: Cluster; client: Client }> {
  const folder = await mkdtemp(join(tmpdir(), 'edis-full-disk-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  const disk = new SmallDisk(join(folder, 'write-shard-1'), diskMib);
  ends.push(() => disk.release());
  const cluster = await startCluster({ shards: 1, replicas: 0, dataDirectory: folder, infoPort: 0 });
  ends.push(() => cluster.stop(20_000));
  await cluster.waitReady(30_000);
  const client = await connect({ info: cluster.info, timeoutMs: answerMs });
  ends.push(() => client.close());
  return { disk, cluster, client };
}

it('a full disk ends the write shard with code 74, and loses nothing that was acknowledged', async () => {
  const { disk, cluster, client } = await startOnSmallDisk();
  const acknowledged = new Set<string>();
  const writeShard = cluster.process('write-shard-1');

  const failures = await fillUp(client, acknowledged);
  expect(failures).toHaveLength(callers);
  for (const failure of failures) {
    expect(failure).toBeInstanceOf(EdisError);
    expect(failure).toMatchObject({ code: expect.stringMatching(/^(disk|busy|deadline|unreachable)$/) });
  }
  await expectFull(writeShard);
  expect(acknowledged.size).toBeGreaterThan(0);

  disk.resize(enoughMib);
  await writeShard.start();
  await cluster.waitReady(60_000);
  for (const key of acknowledged) {
    const found = await client.get(key, { consistency: 'strong' });
    expect(found === undefined ? undefined : Buffer.from(found.value).toString(), key).toBe(valueOf(key));
  }
  await client.put('after', 'room again', { ack: 'disk' });
});

let judged: JudgedCluster;

async function startGroup(): Promise<void> {
  judged = await JudgedCluster.start();
  const started = judged;
  ends.push(() => started.close());
}

/** A part of what a member has is on a small disk from now on. */
async function shrink(member: ClusterProcess, part: string, sizeMib: number): Promise<SmallDisk> {
  member.kill('SIGTERM');
  await member.exited;
  const disk = new SmallDisk(join(judged.group.directory, member.name, part), sizeMib);
  judged.beforeRemoval(() => disk.release());
  await judged.restart(member);
  await judged.whole();
  return disk;
}

/** Writes until the disk of a member is full. */
async function fillMember(member: ClusterProcess): Promise<void> {
  await Promise.all([fillUp(judged.client, new Set(), () => member.running), expectFull(member)]);
}

it('a full disk of the log alone ends a primary, another one leads, and no rule is broken', async () => {
  await startGroup();
  const primary = await judged.primary();
  const disk = await shrink(primary, 'log', logMib);
  await judged.client.promote('s1', { node: primary.name });
  await fillMember(primary);
  const successor = await leaderOf(judged.client, 's1', primary.name);
  await judged.load.more(300);
  disk.resize(enoughMib);
  await judged.restart(primary);
  await judged.expectHeld();
  expect((await judged.primary()).name).toBe(successor);
});

it('a full disk ends a replica, the group goes on under its primary, and the replica comes back', async () => {
  await startGroup();
  const primary = await judged.primary();
  const [replica] = await judged.replicas();
  if (replica === undefined) throw new Error('there is no replica');
  const disk = await shrink(replica, '.', diskMib);
  await fillMember(replica);
  expect(await judged.primary()).toBe(primary);
  await judged.load.more(300);
  disk.resize(enoughMib);
  await judged.restart(replica);
  await judged.expectHeld();
});
