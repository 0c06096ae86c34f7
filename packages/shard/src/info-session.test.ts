import type { InfoMessage, NodeReport, Registration, Timers } from '@edis/core';
import { EdisError } from '@edis/core';
import { grpcNetwork } from '@edis/rpc';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Call } from './info-fixture.ts';
import { ScriptedInfo, topologyAt } from './info-fixture.ts';
import type { InfoSessionListener } from './info-session.ts';
import { InfoSession } from './info-session.ts';
import { silent } from './primary-fixture.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  fencing = 0;
  for (const close of closers.splice(0).reverse()) await close();
});

async function startInfo(listen?: string, onRegister?: (call: Call) => void): Promise<ScriptedInfo> {
  const info = await ScriptedInfo.start(listen, onRegister);
  closers.push(() => info.server.close());
  return info;
}

const timers: Timers = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every: (intervalMs, run) => {
    const timer = setInterval(run, intervalMs);
    return () => clearInterval(timer);
  },
};
const patience = { timeout: 20_000, interval: 10 };
const zero = { epoch: 0, position: 0 };

const report: NodeReport = {
  lastEntry: zero,
  applied: zero,
  lagEntries: 0,
  lagMs: 0,
  serving: true,
  recordCount: 0,
  operationsPerSecond: 0,
};

const registration: Registration = {
  node: 'n1',
  role: 'write-shard',
  store: 'store-1',
  cluster: '',
  shard: '',
  endpoints: [],
  lastEntry: zero,
  seenEpoch: 0,
  promisedEpoch: 0,
  host: '',
  pid: 0,
  incarnation: 1,
};

function deltaFrom(fromRevision: number): InfoMessage {
  const unchanged = { infos: [], keyspaces: [], shards: [], removedShards: [], removedKeyspaces: [] };
  const delta = { cluster: 'cluster-1', fromRevision, revision: fromRevision + 1, formed: true, ...unchanged };
  return { kind: 'topology', update: { kind: 'delta', delta } };
}

const whole = (revision: number): InfoMessage => ({
  kind: 'topology',
  update: { kind: 'whole', topology: topologyAt(revision) },
});

const registered: InfoMessage = {
  kind: 'registered',
  cluster: 'cluster-1',
  shard: 's1',
  reportMs: 20,
  deadAfterMs: 1000,
  fencing: 0,
};

/** The session of a node that has seen infos of up to that fencing number. */
let fencing = 0;

function begin(...addresses: string[]) {
  const listener = {
    onRegistered: vi.fn<InfoSessionListener['onRegistered']>(),
    onEnded: vi.fn<InfoSessionListener['onEnded']>(),
    onTopology: vi.fn<InfoSessionListener['onTopology']>(),
    onConfiguration: vi.fn<InfoSessionListener['onConfiguration']>(),
    onPrepare: vi.fn<InfoSessionListener['onPrepare']>(),
    onHandOver: vi.fn<InfoSessionListener['onHandOver']>(),
    onProposalRefused: vi.fn<InfoSessionListener['onProposalRefused']>(),
    onRefused: vi.fn<InfoSessionListener['onRefused']>(),
  };
  const session = new InfoSession({
    addresses,
    registration: () => registration,
    report: () => report,
    fencing: () => fencing,
    listener,
    logger: silent,
    network: grpcNetwork,
    timers,
    random: () => 0,
  });
  closers.push(() => session.close());
  session.start();
  return { session, listener };
}

describe('a session with info', () => {
  test('registers, reports at the interval that info asks for, and hands on what info says', async () => {
    const info = await startInfo('127.0.0.1:0', ({ stream }) => {
      stream.send(registered);
      stream.send(whole(4));
      stream.send(deltaFrom(4));
    });
    const { listener } = begin(info.address);
    await vi.waitFor(() => expect(info.calls[0]?.heard.length).toBeGreaterThan(3), patience);
    expect(info.calls[0]?.heard.slice(0, 3)).toEqual(['register', 'report', 'report']);
    expect(listener.onRegistered).toHaveBeenCalledWith('cluster-1', 's1', 0);
    expect(listener.onTopology.mock.calls.map(([{ revision, formed }]) => [revision, formed])).toEqual([
      [4, false],
      [5, true],
    ]);
    expect(listener.onTopology).toHaveBeenLastCalledWith(expect.anything(), info.address);
  });

  test('leaves an info that another one has followed, and looks for the one that decides', async () => {
    const welcome =
      (number: number) =>
      ({ stream }: Call): void => {
        stream.send({ ...registered, fencing: number });
        stream.send(whole(number));
      };
    const former = await startInfo('127.0.0.1:0', welcome(4));
    const active = await startInfo('127.0.0.1:0', welcome(5));
    fencing = 5;
    const { listener } = begin(former.address, active.address);
    await vi.waitFor(() => expect(listener.onTopology).toHaveBeenCalled(), patience);
    expect(listener.onRegistered.mock.calls).toEqual([['cluster-1', 's1', 5]]);
    expect(listener.onTopology.mock.calls.map(([{ revision }]) => revision)).toEqual([5]);
    await vi.waitFor(() => expect(former.calls[0]?.closed).toBe(true), patience);
  });

  test('ends for good when info will not have the node', async () => {
    const info = await startInfo('127.0.0.1:0', ({ stream }) => {
      stream.send({ kind: 'refused', cause: 'other-cluster', message: 'it is of cluster-2' });
    });
    const { listener } = begin(info.address);
    await vi.waitFor(() => expect(listener.onRefused).toHaveBeenCalledTimes(1), patience);
    const error = listener.onRefused.mock.calls[0]?.[0];
    expect(error?.code).toBe('refused');
    expect(error?.message).toContain('cluster-2');
    await vi.waitFor(() => expect(info.calls[0]?.closed).toBe(true), patience);
    expect(info.calls).toHaveLength(1);
  });

  test.each(['no-such-shard', 'name-taken', 'waits-for-operator'] as const)(
    'tries again after a refusal that passes, and says it once: %s',
    async (cause) => {
      let refusals = 0;
      const info = await startInfo('127.0.0.1:0', ({ stream }) => {
        refusals += 1;
        stream.send(refusals < 3 ? { kind: 'refused', cause, message: 'not yet' } : registered);
      });
      const warn = vi.spyOn(silent, 'warn');
      const { listener } = begin(info.address);
      await info.heard('report');
      expect(refusals).toBe(3);
      expect(warn.mock.calls).toEqual([[{ event: 'refused', cause }, 'not yet; trying again']]);
      warn.mockRestore();
      expect(listener.onRefused).not.toHaveBeenCalled();
    },
  );

  test('is begun anew, for the whole map, when a step of the map does not fit', async () => {
    const info = await startInfo('127.0.0.1:0', ({ stream }) => {
      stream.send(registered);
      stream.send(whole(4));
    });
    const { listener } = begin(info.address);
    const first = await info.heard('report');
    first.stream.send(deltaFrom(9));
    await info.heard('report', 2);
    await vi.waitFor(() => expect(first.closed).toBe(true), patience);
    const revisions = listener.onTopology.mock.calls.map(([topology]) => topology.revision);
    expect(revisions).toEqual([4, 4]);
  });

  test('looks for info at one address after the other until somebody answers, however often it is lost', async () => {
    const answering = (call: Call): void => {
      call.stream.send(registered);
    };
    const gone = await startInfo();
    await gone.server.close();
    const first = await startInfo('127.0.0.1:0', answering);
    const { listener } = begin(gone.address, first.address);
    await first.heard('report');
    await first.server.close();
    const second = await startInfo(gone.address, answering);
    await second.heard('report');
    await second.server.close();
    const third = await startInfo(first.address, answering);
    await third.heard('report');
    expect(listener.onRegistered).toHaveBeenCalledTimes(3);
    expect(listener.onEnded).toHaveBeenCalledTimes(2);
  });

  test('that is turned away by the infos that stand by is with the one that decides without a wait', async () => {
    const standingBy = (call: Call): void => call.stream.cancel(new EdisError('unreachable', 'another one decides'));
    const first = await startInfo('127.0.0.1:0', standingBy);
    const second = await startInfo('127.0.0.1:0', standingBy);
    const decides = await startInfo('127.0.0.1:0', ({ stream }) => {
      stream.send(registered);
    });
    const { listener } = begin(first.address, second.address, decides.address);
    await decides.heard('report');
    expect(listener.onRegistered).toHaveBeenCalledTimes(1);
    expect([first.calls.length, second.calls.length]).toEqual([1, 1]);
  });

  test('that has left does not come back, though its node lives on for a while', async () => {
    const info = await startInfo('127.0.0.1:0', ({ stream }) => {
      stream.send(registered);
    });
    const { session } = begin(info.address);
    const call = await info.heard('report');
    await session.leave();
    await info.heard('leave');
    await vi.waitFor(() => expect(call.closed).toBe(true), patience);
    session.reportNow();
    // Another session of the same info takes longer to begin than one that came back at once.
    const { session: other } = begin(info.address);
    await vi.waitFor(() => expect(info.calls.length).toBeGreaterThan(1), patience);
    await vi.waitFor(() => expect(info.calls[1]?.heard.length).toBeGreaterThan(15), patience);
    expect(info.calls).toHaveLength(2);
    other.close();
  });

  test('that has nobody to leave ends at once, and looks for info no longer', async () => {
    const gone = await startInfo();
    await gone.server.close();
    const { session } = begin(gone.address);
    await session.leave();
    const back = await startInfo(gone.address);
    const { session: other } = begin(back.address);
    await back.heard('register');
    expect(back.calls).toHaveLength(1);
    other.close();
  });
});
