import type { Client } from '@edis/client';
import { connect } from '@edis/client';
import { EdisError } from '@edis/core';
import type { Cluster } from '@edis/launcher';
import { startCluster } from '@edis/launcher';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SmallDisk } from './small-disk.ts';

const diskMib = 48;
const valueBytes = 64 * 1024;
const callers = 8;
/** Far more than fits, so that a disk which never fills up ends the test too. */
const mostWrites = (diskMib * 1024 * 1024 * 4) / valueBytes;
/** A write that meets the full disk must not wait for longer than this for its answer. */
const answerMs = 5_000;

let disk: SmallDisk;
let cluster: Cluster;
let client: Client;

beforeEach(async () => {
  disk = new SmallDisk('write-shard-1', diskMib);
  cluster = await startCluster({ shards: 1, replicas: 0, dataDirectory: disk.folder, infoPort: 0 });
  await cluster.waitReady(30_000);
  client = await connect({ info: cluster.info, timeoutMs: answerMs });
});

afterEach(async () => {
  await client.close();
  await cluster.stop(20_000);
  disk.release();
});

const valueOf = (key: string): string => key.padEnd(valueBytes, key);

/** Writes until the first failure of each caller. */
async function fillUp(acknowledged: Set<string>): Promise<readonly unknown[]> {
  let next = 0;
  const failures: unknown[] = [];
  const caller = async (): Promise<void> => {
    while (next < mostWrites) {
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

it('a full disk ends the write shard with code 74, and loses nothing that was acknowledged', async () => {
  const acknowledged = new Set<string>();
  const writeShard = cluster.process('write-shard-1');

  const failures = await fillUp(acknowledged);
  expect(failures).toHaveLength(callers);
  for (const failure of failures) {
    expect(failure).toBeInstanceOf(EdisError);
    expect(failure).toMatchObject({ code: expect.stringMatching(/^(disk|busy|deadline|unreachable)$/) });
  }
  expect(await writeShard.exited).toEqual({ code: 74, signal: null });
  const [reason, ...more] = writeShard.lastLines.filter((line) => line.startsWith('edis-write-shard: '));
  expect(reason).toMatch(/ENOSPC|No space left on device/i);
  expect(more).toEqual([]);
  expect(writeShard.lastLines.filter((line) => /^\s+at /.test(line))).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(0);

  disk.resize(diskMib * 8);
  await writeShard.start();
  await cluster.waitReady(60_000);
  for (const key of acknowledged) {
    const found = await client.get(key, { consistency: 'strong' });
    expect(found === undefined ? undefined : Buffer.from(found.value).toString(), key).toBe(valueOf(key));
  }
  await client.put('after', 'room again', { ack: 'disk' });
});
