import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { hostIdentity } from './host-identity.ts';
import { makeNodeName } from './node-name.ts';

test('the identity of the host is the same at every call and begins with its name', () => {
  expect(hostIdentity()).toBe(hostIdentity());
  expect(hostIdentity().startsWith(hostname())).toBe(true);
});

test('a made name is the role and six characters', () => {
  expect(makeNodeName('info')).toMatch(/^info-[a-z2-9]{6}$/);
});
