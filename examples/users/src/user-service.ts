import { randomUUID } from 'node:crypto';
import type { Client, Keyspace, KeyspaceSettings } from '@edis/client';
import { type NewUser, type Tier, type User, userSchema } from './user.ts';

/** A page of users, in the order of their ids. */
export interface UserPage {
  readonly users: readonly User[];
  /** Where the next page begins; undefined: this was the last. Another process can go on with it. */
  readonly cursor: string | undefined;
}

export interface UserStatistics {
  readonly users: number;
  readonly averageAge: number | undefined;
  readonly oldestAge: number | undefined;
  readonly newest: User | undefined;
}

/** How a change of tier ended. */
export type TierChange =
  | { readonly kind: 'changed'; readonly user: User }
  | { readonly kind: 'no-such-user' }
  /** The user has this tier and not the one that was expected. */
  | { readonly kind: 'other-tier'; readonly tier: Tier };

/** The fields that are searched for, and how the index orders them. */
const settings: Partial<KeyspaceSettings> = {
  indexedFields: [
    { field: 'email', kind: 'text' },
    { field: 'tier', kind: 'text' },
    { field: 'age', kind: 'number' },
    { field: 'createdAtMs', kind: 'number' },
  ],
  valueSchema: 'user-1',
};

/** The part of a user that the cluster indexes: it is written with the record, in one step. */
function metadataOf(user: User): Record<string, string> {
  return {
    email: user.email.toLowerCase(),
    tier: user.tier,
    age: String(user.age),
    createdAtMs: String(user.createdAtMs),
  };
}

/**
 * User management. One record per user, under its id; what is searched or counted is in the record's metadata.
 *
 * An index finds users by e-mail, but does not keep two of them from having the same one.
 */
export class UserService {
  readonly #users: Keyspace<User>;
  readonly #nowMs: () => number;

  private constructor(users: Keyspace<User>, nowMs: () => number) {
    this.#users = users;
    this.#nowMs = nowMs;
  }

  /** Makes the keyspace if this is the first one here. */
  static async open(client: Client, nowMs: () => number = Date.now): Promise<UserService> {
    await client.createKeyspace('users', settings);
    return new UserService(client.keyspace<User>('users', { codec: 'json', schema: userSchema }), nowMs);
  }

  async create(wanted: NewUser): Promise<User> {
    const user: User = { ...wanted, id: randomUUID(), email: wanted.email.toLowerCase(), createdAtMs: this.#nowMs() };
    await this.#users.put(user.id, user, { metadata: metadataOf(user) });
    return user;
  }

  async get(id: string): Promise<User | undefined> {
    const found = await this.#users.get(id);
    return found?.value;
  }

  async list(limit: number, cursor?: string): Promise<UserPage> {
    const page = this.#users.scan({ limit, cursor });
    const records = await page.toArray();
    return { users: records.map(({ value }) => value), cursor: page.cursor };
  }

  async findByEmail(email: string): Promise<User | undefined> {
    const [found] = await this.#users.search({ email: email.toLowerCase() }, { limit: 1 }).toArray();
    return found?.value;
  }

  /** Each shard counts its own users; the client adds them up. */
  async countPerTier(): Promise<ReadonlyMap<string, number>> {
    const { groups } = await this.#users.aggregate({ groupBy: 'tier', measures: { users: 'count' } });
    return new Map(groups.map(({ group = 'none', count }) => [group, count]));
  }

  async statistics(): Promise<UserStatistics> {
    const { groups } = await this.#users.aggregate({
      measures: { averageAge: { average: 'age' }, oldestAge: { max: 'age' }, newestMs: { max: 'createdAtMs' } },
    });
    const [all] = groups;
    const newestMs = all?.measures.newestMs.value;
    return {
      users: all?.count ?? 0,
      averageAge: all?.measures.averageAge.value,
      oldestAge: all?.measures.oldestAge.value,
      newest: newestMs === undefined ? undefined : await this.#createdAt(newestMs),
    };
  }

  /**
   * Changes the tier, if it still is the expected one. Optimistic: nothing is locked, and when somebody else has
   * written the user in between, the write is not applied and everything is looked at anew.
   */
  async changeTier(id: string, expected: Tier, tier: Tier): Promise<TierChange> {
    for (;;) {
      const found = await this.#users.get(id, { consistency: 'strong' });
      if (found === undefined) return { kind: 'no-such-user' };
      if (found.value.tier !== expected) return { kind: 'other-tier', tier: found.value.tier };
      const user: User = { ...found.value, tier };
      const written = await this.#users.put(id, user, { ifVersion: found.version, metadata: metadataOf(user) });
      if (written.applied) return { kind: 'changed', user };
    }
  }

  /** False: there was no such user. */
  async delete(id: string): Promise<boolean> {
    const { existed } = await this.#users.delete(id);
    return existed;
  }

  async #createdAt(createdAtMs: number): Promise<User | undefined> {
    const [found] = await this.#users.search({ createdAtMs: String(createdAtMs) }, { limit: 1 }).toArray();
    return found?.value;
  }
}
