/**
 * What an application makes of the client, with 200 typed calls: it is compiled to count what the types cost, and never
 * run.
 */
import type { Client } from '@edis/client';

interface User {
  readonly name: string;
  readonly email: string;
  readonly age: number;
}

interface Order {
  readonly user: string;
  readonly total: number;
  readonly lines: readonly { readonly sku: string; readonly count: number }[];
}

interface Invoice {
  readonly order: string;
  readonly status: 'open' | 'paid' | 'void';
  readonly amount: number;
}

interface Product {
  readonly title: string;
  readonly tags: readonly string[];
  readonly price: number;
}

interface Device {
  readonly serial: string;
  readonly online: boolean;
  readonly position: { readonly x: number; readonly y: number };
}

interface Message {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

interface Visit {
  readonly page: string;
  readonly referrer: string | undefined;
  readonly seconds: number;
}

interface Account {
  readonly owner: string;
  readonly limits: Readonly<Record<string, number>>;
}

async function useUsers(client: Client, first: User): Promise<number> {
  const session = client.session();
  const users = client.keyspace<User>('users', { codec: 'json' });
  const own = session.keyspace<User>('users', { codec: 'json' });
  const put = await users.put('1', first);
  const changed = await users.put('1', first, { ifVersion: put.version, metadata: { kind: 'user' } });
  const added = await users.putIfAbsent('2', first, { ttlMs: 60_000 });
  const found = await users.get('1', { consistency: 'bounded', maxStalenessMs: 100 });
  const mine = await own.get('1', { after: put.token });
  const taken = await users.getAndDelete('2');
  const many = await users.mput([{ key: '3', value: first }]);
  const several = await users.mget(['1', '3']);
  const values: (readonly User[])[] = [];
  for await (const each of users.scan({ prefix: '1' })) values.push([each.value]);
  const matches = await users.search({ kind: 'user', age: { gte: 18 } }, { limit: 10 }).toArray();
  const names = await users.keys({ limit: 5 }).toArray();
  const sums = await users.aggregate({ groupBy: 'kind', measures: { all: 'count', most: { max: 'age' } } });
  const greatest: string | undefined = sums.groups[0]?.measures.most.exact;
  for await (const event of users.watch({ from: 'start' })) {
    if (event.kind === 'put') values.push([event.value]);
  }
  const sum = await users.increment('count', 2);
  const longer = await users.append('log', 'line');
  const expiring = await users.expire('1', 1_000);
  const kept = await users.persist('1');
  const left = await users.ttl('1');
  const total = await users.count({ prefix: '1' });
  const gone = await users.delete('1');
  const cleared = await users.delete('3', { ifVersion: many[0]?.version });
  const there = await own.exists('1');
  const where = users.locate('1').shard;
  const spread = await users.distribution();
  const seen: User | undefined = found?.value ?? mine?.value ?? taken?.value ?? several[0]?.value ?? matches[0]?.value;
  const facts = [changed.applied, added.applied, cleared.applied, gone.existed, there, kept?.applied];
  const texts = [seen, greatest, names[0], where, left, sum.value, expiring?.expiresAtMs, session.token];
  return facts.length + texts.length + total + longer.length + spread.shards.length + values.length;
}

async function useOrders(client: Client, first: Order): Promise<number> {
  const session = client.session();
  const orders = client.keyspace<Order>('orders', { codec: 'json' });
  const own = session.keyspace<Order>('orders', { codec: 'json' });
  const put = await orders.put('1', first);
  const changed = await orders.put('1', first, { ifVersion: put.version, metadata: { kind: 'order' } });
  const added = await orders.putIfAbsent('2', first, { ttlMs: 60_000 });
  const found = await orders.get('1', { consistency: 'bounded', maxStalenessMs: 100 });
  const mine = await own.get('1', { after: put.token });
  const taken = await orders.getAndDelete('2');
  const many = await orders.mput([{ key: '3', value: first }]);
  const several = await orders.mget(['1', '3']);
  const values: (readonly Order[])[] = [];
  for await (const each of orders.scan({ prefix: '1' })) values.push([each.value]);
  const matches = await orders.search({ kind: 'order', total: { gte: 18 } }, { limit: 10 }).toArray();
  const names = await orders.keys({ limit: 5 }).toArray();
  const sums = await orders.aggregate({ groupBy: 'kind', measures: { all: 'count', most: { max: 'total' } } });
  const greatest: string | undefined = sums.groups[0]?.measures.most.exact;
  for await (const event of orders.watch({ from: 'start' })) {
    if (event.kind === 'put') values.push([event.value]);
  }
  const sum = await orders.increment('count', 2);
  const longer = await orders.append('log', 'line');
  const expiring = await orders.expire('1', 1_000);
  const kept = await orders.persist('1');
  const left = await orders.ttl('1');
  const total = await orders.count({ prefix: '1' });
  const gone = await orders.delete('1');
  const cleared = await orders.delete('3', { ifVersion: many[0]?.version });
  const there = await own.exists('1');
  const where = orders.locate('1').shard;
  const spread = await orders.distribution();
  const seen: Order | undefined = found?.value ?? mine?.value ?? taken?.value ?? several[0]?.value ?? matches[0]?.value;
  const facts = [changed.applied, added.applied, cleared.applied, gone.existed, there, kept?.applied];
  const texts = [seen, greatest, names[0], where, left, sum.value, expiring?.expiresAtMs, session.token];
  return facts.length + texts.length + total + longer.length + spread.shards.length + values.length;
}

async function useInvoices(client: Client, first: Invoice): Promise<number> {
  const session = client.session();
  const invoices = client.keyspace<Invoice>('invoices', { codec: 'json' });
  const own = session.keyspace<Invoice>('invoices', { codec: 'json' });
  const put = await invoices.put('1', first);
  const changed = await invoices.put('1', first, { ifVersion: put.version, metadata: { kind: 'invoice' } });
  const added = await invoices.putIfAbsent('2', first, { ttlMs: 60_000 });
  const found = await invoices.get('1', { consistency: 'bounded', maxStalenessMs: 100 });
  const mine = await own.get('1', { after: put.token });
  const taken = await invoices.getAndDelete('2');
  const many = await invoices.mput([{ key: '3', value: first }]);
  const several = await invoices.mget(['1', '3']);
  const values: (readonly Invoice[])[] = [];
  for await (const each of invoices.scan({ prefix: '1' })) values.push([each.value]);
  const matches = await invoices.search({ kind: 'invoice', amount: { gte: 18 } }, { limit: 10 }).toArray();
  const names = await invoices.keys({ limit: 5 }).toArray();
  const sums = await invoices.aggregate({ groupBy: 'kind', measures: { all: 'count', most: { max: 'amount' } } });
  const greatest: string | undefined = sums.groups[0]?.measures.most.exact;
  for await (const event of invoices.watch({ from: 'start' })) {
    if (event.kind === 'put') values.push([event.value]);
  }
  const sum = await invoices.increment('count', 2);
  const longer = await invoices.append('log', 'line');
  const expiring = await invoices.expire('1', 1_000);
  const kept = await invoices.persist('1');
  const left = await invoices.ttl('1');
  const total = await invoices.count({ prefix: '1' });
  const gone = await invoices.delete('1');
  const cleared = await invoices.delete('3', { ifVersion: many[0]?.version });
  const there = await own.exists('1');
  const where = invoices.locate('1').shard;
  const spread = await invoices.distribution();
  const seen: Invoice | undefined =
    found?.value ?? mine?.value ?? taken?.value ?? several[0]?.value ?? matches[0]?.value;
  const facts = [changed.applied, added.applied, cleared.applied, gone.existed, there, kept?.applied];
  const texts = [seen, greatest, names[0], where, left, sum.value, expiring?.expiresAtMs, session.token];
  return facts.length + texts.length + total + longer.length + spread.shards.length + values.length;
}

async function useProducts(client: Client, first: Product): Promise<number> {
  const session = client.session();
  const products = client.keyspace<Product>('products', { codec: 'json' });
  const own = session.keyspace<Product>('products', { codec: 'json' });
  const put = await products.put('1', first);
  const changed = await products.put('1', first, { ifVersion: put.version, metadata: { kind: 'product' } });
  const added = await products.putIfAbsent('2', first, { ttlMs: 60_000 });
  const found = await products.get('1', { consistency: 'bounded', maxStalenessMs: 100 });
  const mine = await own.get('1', { after: put.token });
  const taken = await products.getAndDelete('2');
  const many = await products.mput([{ key: '3', value: first }]);
  const several = await products.mget(['1', '3']);
  const values: (readonly Product[])[] = [];
  for await (const each of products.scan({ prefix: '1' })) values.push([each.value]);
  const matches = await products.search({ kind: 'product', price: { gte: 18 } }, { limit: 10 }).toArray();
  const names = await products.keys({ limit: 5 }).toArray();
  const sums = await products.aggregate({ groupBy: 'kind', measures: { all: 'count', most: { max: 'price' } } });
  const greatest: string | undefined = sums.groups[0]?.measures.most.exact;
  for await (const event of products.watch({ from: 'start' })) {
    if (event.kind === 'put') values.push([event.value]);
  }
  const sum = await products.increment('count', 2);
  const longer = await products.append('log', 'line');
  const expiring = await products.expire('1', 1_000);
  const kept = await products.persist('1');
  const left = await products.ttl('1');
  const total = await products.count({ prefix: '1' });
  const gone = await products.delete('1');
  const cleared = await products.delete('3', { ifVersion: many[0]?.version });
  const there = await own.exists('1');
  const where = products.locate('1').shard;
  const spread = await products.distribution();
  const seen: Product | undefined =
    found?.value ?? mine?.value ?? taken?.value ?? several[0]?.value ?? matches[0]?.value;
  const facts = [changed.applied, added.applied, cleared.applied, gone.existed, there, kept?.applied];
  const texts = [seen, greatest, names[0], where, left, sum.value, expiring?.expiresAtMs, session.token];
  return facts.length + texts.length + total + longer.length + spread.shards.length + values.length;
}

async function useDevices(client: Client, first: Device): Promise<number> {
  const session = client.session();
  const devices = client.keyspace<Device>('devices', { codec: 'json' });
  const own = session.keyspace<Device>('devices', { codec: 'json' });
  const put = await devices.put('1', first);
  const changed = await devices.put('1', first, { ifVersion: put.version, metadata: { kind: 'device' } });
  const added = await devices.putIfAbsent('2', first, { ttlMs: 60_000 });
  const found = await devices.get('1', { consistency: 'bounded', maxStalenessMs: 100 });
  const mine = await own.get('1', { after: put.token });
  const taken = await devices.getAndDelete('2');
  const many = await devices.mput([{ key: '3', value: first }]);
  const several = await devices.mget(['1', '3']);
  const values: (readonly Device[])[] = [];
  for await (const each of devices.scan({ prefix: '1' })) values.push([each.value]);
  const matches = await devices.search({ kind: 'device', signal: { gte: 18 } }, { limit: 10 }).toArray();
  const names = await devices.keys({ limit: 5 }).toArray();
  const sums = await devices.aggregate({ groupBy: 'kind', measures: { all: 'count', most: { max: 'signal' } } });
  const greatest: string | undefined = sums.groups[0]?.measures.most.exact;
  for await (const event of devices.watch({ from: 'start' })) {
    if (event.kind === 'put') values.push([event.value]);
  }
  const sum = await devices.increment('count', 2);
  const longer = await devices.append('log', 'line');
  const expiring = await devices.expire('1', 1_000);
  const kept = await devices.persist('1');
  const left = await devices.ttl('1');
  const total = await devices.count({ prefix: '1' });
  const gone = await devices.delete('1');
  const cleared = await devices.delete('3', { ifVersion: many[0]?.version });
  const there = await own.exists('1');
  const where = devices.locate('1').shard;
  const spread = await devices.distribution();
  const seen: Device | undefined =
    found?.value ?? mine?.value ?? taken?.value ?? several[0]?.value ?? matches[0]?.value;
  const facts = [changed.applied, added.applied, cleared.applied, gone.existed, there, kept?.applied];
  const texts = [seen, greatest, names[0], where, left, sum.value, expiring?.expiresAtMs, session.token];
  return facts.length + texts.length + total + longer.length + spread.shards.length + values.length;
}

async function useMessages(client: Client, first: Message): Promise<number> {
  const session = client.session();
  const messages = client.keyspace<Message>('messages', { codec: 'json' });
  const own = session.keyspace<Message>('messages', { codec: 'json' });
  const put = await messages.put('1', first);
  const changed = await messages.put('1', first, { ifVersion: put.version, metadata: { kind: 'message' } });
  const added = await messages.putIfAbsent('2', first, { ttlMs: 60_000 });
  const found = await messages.get('1', { consistency: 'bounded', maxStalenessMs: 100 });
  const mine = await own.get('1', { after: put.token });
  const taken = await messages.getAndDelete('2');
  const many = await messages.mput([{ key: '3', value: first }]);
  const several = await messages.mget(['1', '3']);
  const values: (readonly Message[])[] = [];
  for await (const each of messages.scan({ prefix: '1' })) values.push([each.value]);
  const matches = await messages.search({ kind: 'message', size: { gte: 18 } }, { limit: 10 }).toArray();
  const names = await messages.keys({ limit: 5 }).toArray();
  const sums = await messages.aggregate({ groupBy: 'kind', measures: { all: 'count', most: { max: 'size' } } });
  const greatest: string | undefined = sums.groups[0]?.measures.most.exact;
  for await (const event of messages.watch({ from: 'start' })) {
    if (event.kind === 'put') values.push([event.value]);
  }
  const sum = await messages.increment('count', 2);
  const longer = await messages.append('log', 'line');
  const expiring = await messages.expire('1', 1_000);
  const kept = await messages.persist('1');
  const left = await messages.ttl('1');
  const total = await messages.count({ prefix: '1' });
  const gone = await messages.delete('1');
  const cleared = await messages.delete('3', { ifVersion: many[0]?.version });
  const there = await own.exists('1');
  const where = messages.locate('1').shard;
  const spread = await messages.distribution();
  const seen: Message | undefined =
    found?.value ?? mine?.value ?? taken?.value ?? several[0]?.value ?? matches[0]?.value;
  const facts = [changed.applied, added.applied, cleared.applied, gone.existed, there, kept?.applied];
  const texts = [seen, greatest, names[0], where, left, sum.value, expiring?.expiresAtMs, session.token];
  return facts.length + texts.length + total + longer.length + spread.shards.length + values.length;
}

async function useVisits(client: Client, first: Visit): Promise<number> {
  const session = client.session();
  const visits = client.keyspace<Visit>('visits', { codec: 'json' });
  const own = session.keyspace<Visit>('visits', { codec: 'json' });
  const put = await visits.put('1', first);
  const changed = await visits.put('1', first, { ifVersion: put.version, metadata: { kind: 'visit' } });
  const added = await visits.putIfAbsent('2', first, { ttlMs: 60_000 });
  const found = await visits.get('1', { consistency: 'bounded', maxStalenessMs: 100 });
  const mine = await own.get('1', { after: put.token });
  const taken = await visits.getAndDelete('2');
  const many = await visits.mput([{ key: '3', value: first }]);
  const several = await visits.mget(['1', '3']);
  const values: (readonly Visit[])[] = [];
  for await (const each of visits.scan({ prefix: '1' })) values.push([each.value]);
  const matches = await visits.search({ kind: 'visit', seconds: { gte: 18 } }, { limit: 10 }).toArray();
  const names = await visits.keys({ limit: 5 }).toArray();
  const sums = await visits.aggregate({ groupBy: 'kind', measures: { all: 'count', most: { max: 'seconds' } } });
  const greatest: string | undefined = sums.groups[0]?.measures.most.exact;
  for await (const event of visits.watch({ from: 'start' })) {
    if (event.kind === 'put') values.push([event.value]);
  }
  const sum = await visits.increment('count', 2);
  const longer = await visits.append('log', 'line');
  const expiring = await visits.expire('1', 1_000);
  const kept = await visits.persist('1');
  const left = await visits.ttl('1');
  const total = await visits.count({ prefix: '1' });
  const gone = await visits.delete('1');
  const cleared = await visits.delete('3', { ifVersion: many[0]?.version });
  const there = await own.exists('1');
  const where = visits.locate('1').shard;
  const spread = await visits.distribution();
  const seen: Visit | undefined = found?.value ?? mine?.value ?? taken?.value ?? several[0]?.value ?? matches[0]?.value;
  const facts = [changed.applied, added.applied, cleared.applied, gone.existed, there, kept?.applied];
  const texts = [seen, greatest, names[0], where, left, sum.value, expiring?.expiresAtMs, session.token];
  return facts.length + texts.length + total + longer.length + spread.shards.length + values.length;
}

async function useAccounts(client: Client, first: Account): Promise<number> {
  const session = client.session();
  const accounts = client.keyspace<Account>('accounts', { codec: 'json' });
  const own = session.keyspace<Account>('accounts', { codec: 'json' });
  const put = await accounts.put('1', first);
  const changed = await accounts.put('1', first, { ifVersion: put.version, metadata: { kind: 'account' } });
  const added = await accounts.putIfAbsent('2', first, { ttlMs: 60_000 });
  const found = await accounts.get('1', { consistency: 'bounded', maxStalenessMs: 100 });
  const mine = await own.get('1', { after: put.token });
  const taken = await accounts.getAndDelete('2');
  const many = await accounts.mput([{ key: '3', value: first }]);
  const several = await accounts.mget(['1', '3']);
  const values: (readonly Account[])[] = [];
  for await (const each of accounts.scan({ prefix: '1' })) values.push([each.value]);
  const matches = await accounts.search({ kind: 'account', balance: { gte: 18 } }, { limit: 10 }).toArray();
  const names = await accounts.keys({ limit: 5 }).toArray();
  const sums = await accounts.aggregate({ groupBy: 'kind', measures: { all: 'count', most: { max: 'balance' } } });
  const greatest: string | undefined = sums.groups[0]?.measures.most.exact;
  for await (const event of accounts.watch({ from: 'start' })) {
    if (event.kind === 'put') values.push([event.value]);
  }
  const sum = await accounts.increment('count', 2);
  const longer = await accounts.append('log', 'line');
  const expiring = await accounts.expire('1', 1_000);
  const kept = await accounts.persist('1');
  const left = await accounts.ttl('1');
  const total = await accounts.count({ prefix: '1' });
  const gone = await accounts.delete('1');
  const cleared = await accounts.delete('3', { ifVersion: many[0]?.version });
  const there = await own.exists('1');
  const where = accounts.locate('1').shard;
  const spread = await accounts.distribution();
  const seen: Account | undefined =
    found?.value ?? mine?.value ?? taken?.value ?? several[0]?.value ?? matches[0]?.value;
  const facts = [changed.applied, added.applied, cleared.applied, gone.existed, there, kept?.applied];
  const texts = [seen, greatest, names[0], where, left, sum.value, expiring?.expiresAtMs, session.token];
  return facts.length + texts.length + total + longer.length + spread.shards.length + values.length;
}

/** Uses all of it. */
export async function sampleApplication(client: Client): Promise<number> {
  const uses = [
    useUsers(client, { name: 'Ann', email: 'ann@example.org', age: 40 }),
    useOrders(client, { user: 'ann', total: 12, lines: [{ sku: 'tea', count: 2 }] }),
    useInvoices(client, { order: 'o1', status: 'open', amount: 12 }),
    useProducts(client, { title: 'Tea', tags: ['hot'], price: 6 }),
    useDevices(client, { serial: 'd1', online: true, position: { x: 1, y: 2 } }),
    useMessages(client, { from: 'ann', to: ['bob'], text: 'hello' }),
    useVisits(client, { page: '/', referrer: undefined, seconds: 3 }),
    useAccounts(client, { owner: 'ann', limits: { daily: 100 } }),
  ];
  return (await Promise.all(uses)).reduce((sum, each) => sum + each, 0);
}
