import type { ClusterEffect, ClusterState } from '@edis/core';
import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { EffectRunner } from './effect-runner.ts';

function state(revision: number): ClusterState {
  const topology = { cluster: 'c', revision, formed: false, initialShards: 1, infos: [], keyspaces: [], shards: [] };
  return { topology, records: [], nextKeyspaceId: 2 };
}

const persist = (revision: number): ClusterEffect => ({ kind: 'persist', state: state(revision) });
const end = (session: number): ClusterEffect => ({ kind: 'end-session', session, error: undefined });

class Target {
  readonly events: string[] = [];
  readonly saves: { finish(): void; fail(error: EdisError): void }[] = [];
  readonly runner = new EffectRunner({
    save: ({ topology }) => {
      this.events.push(`save ${topology.revision}`);
      return new Promise((resolve, reject) => {
        this.saves.push({ finish: resolve, fail: reject });
      });
    },
    show: (effect) => this.events.push(effect.kind === 'end-session' ? `show ${effect.session}` : effect.kind),
    failed: (error) => this.events.push(`failed ${error.code}`),
  });
}

test('without a persist in front, an effect is shown at once', () => {
  const target = new Target();
  target.runner.run([end(1), end(2)]);
  expect(target.events).toEqual(['show 1', 'show 2']);
  target.runner.run([end(3)]);
  expect(target.events).toEqual(['show 1', 'show 2', 'show 3']);
});

test('nothing behind a persist is shown before it is durable', async () => {
  const target = new Target();
  target.runner.run([persist(1), end(1)]);
  target.runner.run([end(2)]);
  expect(target.events).toEqual(['save 1']);
  target.saves[0]?.finish();
  await target.runner.idle();
  expect(target.events).toEqual(['save 1', 'show 1', 'show 2']);
});

test('what waited during a save is covered by one save of the newest state', async () => {
  const target = new Target();
  target.runner.run([persist(1), end(1)]);
  target.runner.run([persist(2), end(2)]);
  target.runner.run([persist(3), end(3)]);
  target.saves[0]?.finish();
  await expect.poll(() => target.saves.length).toBe(2);
  target.saves[1]?.finish();
  await target.runner.idle();
  expect(target.events).toEqual(['save 1', 'show 1', 'save 3', 'show 2', 'show 3']);
});

test('after a failed save nothing more is saved or shown', async () => {
  const target = new Target();
  target.runner.run([persist(1), end(1)]);
  target.runner.run([end(2)]);
  target.saves[0]?.fail(new EdisError('disk', 'full'));
  await target.runner.idle();
  target.runner.run([persist(2), end(3)]);
  expect(target.events).toEqual(['save 1', 'failed disk']);
});
