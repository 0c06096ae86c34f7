import { expect, test } from 'vitest';
import { NodesInUse } from './batch-pace.ts';
import { systemEnvironment } from './environment.ts';
import { type ConnectionState, NodeConnection } from './node-connection.ts';
import { ShardRoute } from './shard-route.ts';

/** How a node looks to the client. */
interface Look {
  readonly state: ConnectionState;
  /** Living as far as info knows, and no learner. */
  readonly isWell: boolean;
}

const looks: readonly Look[] = (['idle', 'ready', 'broken'] as const).flatMap((state) => [
  { state, isWell: true },
  { state, isWell: false },
]);
const noOwner = { onOutcome: () => {}, onLost: () => {}, onReady: () => {}, revision: 1, nodesInUse: new NodesInUse() };

function nobody(): never {
  throw new Error('nobody is asked anything');
}

/** A connection that looks as it is told to. */
class PosedConnection extends NodeConnection {
  readonly #state: ConnectionState;

  constructor(node: string, route: ShardRoute, { state, isWell }: Look) {
    const identity = { node, address: node, route, role: 'replica' } as const;
    super(identity, noOwner, { channel: nobody }, systemEnvironment);
    this.#state = state;
    this.usable = isWell && this.reachable;
  }

  override get state(): ConnectionState {
    return this.#state;
  }

  override get reachable(): boolean {
    return this.#state !== 'broken';
  }
}

function routeOf(primary: Look | undefined, replicas: readonly Look[]): ShardRoute {
  const route = new ShardRoute('cluster', 's1', { ...systemEnvironment, random: () => 0 });
  route.primary = primary && new PosedConnection('p', route, primary);
  route.replicas = replicas.map((look, index) => new PosedConnection(`r${index + 1}`, route, look));
  return route;
}

function* allRoutes(): Generator<ShardRoute> {
  for (const primary of [undefined, ...looks]) {
    yield routeOf(primary, []);
    for (const first of looks) {
      yield routeOf(primary, [first]);
      for (const second of looks) yield routeOf(primary, [first, second]);
    }
  }
}

const reading: readonly string[] = ['replica', 'only-primary', 'still-answers'];
const nodes = ['p', 'r1', 'r2'];

test('the nodes that are said to read are those that are picked and reached, however the nodes look', () => {
  for (const route of allRoutes()) {
    const said = nodes.filter((node) => reading.includes(route.readCauseOf(node)));
    const picked = [route.pickReader(), route.pickReader()].filter((connection) => connection?.reachable === true);
    expect(new Set(said)).toEqual(new Set(picked.map((connection) => connection?.node)));
  }
});

test('to ask why takes no turn', () => {
  const well: Look = { state: 'ready', isWell: true };
  // Two of three: as many turns as there are replicas would come back to where they began if all of them read.
  const route = routeOf(well, [well, well, { state: 'broken', isWell: true }]);
  const picked = Array.from({ length: 4 }, () => {
    expect(route.readCauseOf('r1')).toBe('replica');
    return route.pickReader()?.node;
  });
  expect(picked).toEqual(['r1', 'r2', 'r1', 'r2']);
});
