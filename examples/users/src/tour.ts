import type { Client } from '@edis/client';
import { UserService } from './user-service.ts';

/** Uses everything that the service can do, and tells what came of it. Removes the users that it made. */
export async function tour(client: Client, print: (line: string) => void): Promise<void> {
  // Two users of one millisecond would both be the newest.
  let nowMs = Date.now();
  const service = await UserService.open(client, () => nowMs++);
  const ada = await service.create({ name: 'Ada', email: 'Ada@example.org', age: 36, tier: 'pro' });
  const grace = await service.create({ name: 'Grace', email: 'grace@example.org', age: 85, tier: 'free' });
  const alan = await service.create({ name: 'Alan', email: 'alan@example.org', age: 41, tier: 'free' });
  print(`created ${[ada, grace, alan].map(({ name }) => name).join(', ')}`);

  print(`get: ${(await service.get(ada.id))?.name}`);
  print(`find by e-mail: ${(await service.findByEmail('ADA@example.org'))?.name}`);

  let page = await service.list(2);
  let listed = page.users.length;
  while (page.cursor !== undefined) {
    page = await service.list(2, page.cursor);
    listed += page.users.length;
  }
  print(`listed in pages of two: ${listed}`);

  const change = await service.changeTier(grace.id, 'free', 'team');
  print(`change of tier: ${change.kind}`);
  const again = await service.changeTier(grace.id, 'free', 'pro');
  print(`the same again: ${again.kind}`);

  const tiers = await service.countPerTier();
  print(`per tier: ${[...tiers].map(([tier, count]) => `${tier} ${count}`).join(', ')}`);
  const { users, averageAge, oldestAge, newest } = await service.statistics();
  print(`${users} users, average age ${averageAge?.toFixed(1)}, oldest ${oldestAge}, newest ${newest?.name}`);

  for (const { id } of [ada, grace, alan]) await service.delete(id);
  print(`deleted: ${(await service.get(ada.id)) === undefined}`);
}
