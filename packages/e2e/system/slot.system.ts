import { randomBytes, randomInt } from 'node:crypto';
import { slotOf } from '@edis/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisSlots } from './redis-slots.ts';

let redis: RedisSlots;

beforeAll(async () => {
  redis = await RedisSlots.start();
});

afterAll(() => redis.stop());

async function expectSameSlots(keys: readonly Buffer[]): Promise<void> {
  const slots = await redis.slotsOf(keys);
  const differing = keys.flatMap((key, index) => {
    const ours = slotOf(key.toString('latin1'));
    return ours === slots[index] ? [] : [`${key.toString('hex')}: ${ours}, Redis says ${slots[index]}`];
  });
  expect(differing).toEqual([]);
}

it('keys with odd braces lie in the slots that redis-server names', async () => {
  const texts = [
    '',
    '{}',
    '{',
    '}',
    '}{',
    '{a}',
    'a{b}c',
    'foo{}{bar}',
    'foo{{bar}}zap',
    'foo{bar}{zap}',
    '{}}',
    '{{}',
    'a{b',
  ];
  await expectSameSlots(texts.map((text) => Buffer.from(text)));
});

it('random binary keys with and without braces lie in the slots that redis-server names', async () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => {
    const key = randomBytes(randomInt(1, 200));
    for (let brace = 0; brace < index % 5; brace += 1) key[randomInt(key.length)] = randomInt(2) === 0 ? 0x7b : 0x7d;
    return key;
  });
  await expectSameSlots(keys);
});
