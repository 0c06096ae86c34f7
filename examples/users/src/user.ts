import * as v from 'valibot';

export const tiers = ['free', 'pro', 'team'] as const;
export type Tier = (typeof tiers)[number];

/** What a stored user must look like. Checked by the client on each write and on each read. */
export const userSchema = v.object({
  id: v.pipe(v.string(), v.nonEmpty()),
  name: v.pipe(v.string(), v.nonEmpty()),
  /** In lower case, so that it is found however it is typed. */
  email: v.pipe(v.string(), v.email(), v.toLowerCase()),
  age: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(150)),
  tier: v.picklist(tiers),
  /** Milliseconds since the Unix epoch. */
  createdAtMs: v.pipe(v.number(), v.integer()),
});

export type User = v.InferOutput<typeof userSchema>;

/** What the application asks of somebody who registers. */
export type NewUser = Omit<User, 'id' | 'createdAtMs'>;
