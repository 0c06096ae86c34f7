import { EdisError } from '@edis/core';
import { parseSettings } from '@edis/process';
import { describe, expect, test } from 'vitest';
import { settings } from './config.ts';
import { checkEtcdVersion, etcdSettings } from './etcd-settings.ts';

function settingsOf(...flags: string[]) {
  return etcdSettings(parseSettings(settings, flags, {}));
}

function faultOf(run: () => unknown): string {
  try {
    run();
  } catch (caught) {
    const { code, message } = EdisError.from(caught);
    return `${code}: ${message}`;
  }
  return 'nothing was thrown';
}

describe('settings of etcd', () => {
  test('endpoints are URLs or addresses; the prefix ends with a slash', () => {
    const endpoints = ['--etcd', 'http://10.0.0.1:2379', '--etcd', 'http://etcd-2:2379/', '--etcd', '[::1]:2379'];
    expect(settingsOf('--store', 'etcd', ...endpoints, '--etcd-prefix', '/shop')).toEqual({
      addresses: ['10.0.0.1:2379', 'etcd-2:2379', '[::1]:2379'],
      prefix: '/shop/',
      leaseMs: 5000,
    });
    expect(settingsOf('--data', 'somewhere')).toBeUndefined();
  });

  test.each([
    [['--etcd', 'http://etcd:2379'], '--etcd has no effect without --store etcd'],
    [['--store', 'etcd'], '--store etcd: where is etcd?'],
    [['--store', 'etcd', '--etcd', 'http://etcd:2379', '--ephemeral'], 'contradict each other'],
    [['--store', 'etcd', '--etcd', 'http://etcd:2379', '--fencing', '7'], '--fencing has no effect'],
    [['--store', 'etcd', '--etcd', 'https://etcd:2379'], 'TLS is not available yet'],
    [['--store', 'etcd', '--etcd', 'http://etcd:0'], 'has port 0'],
    [['--store', 'etcd', '--etcd', 'http://etcd'], "'etcd'"],
  ])('%j is refused', (flags, text) => {
    const fault = faultOf(() => settingsOf(...flags));
    expect(fault).toMatch(/^usage: /);
    expect(fault).toContain(text);
  });

  test('servers from 3.4 on are taken, others are refused with what they are', () => {
    for (const version of ['3.4.0', '3.4.23', '3.5.1', '3.10.0']) {
      expect(faultOf(() => checkEtcdVersion(version))).toBe('nothing was thrown');
    }
    for (const version of ['2.3.8', '3.3.27', '4.0.0', '']) {
      const fault = `usage: etcd has version ${version === '' ? 'unknown' : version}; Edis needs 3.4 or a later 3`;
      expect(faultOf(() => checkEtcdVersion(version))).toBe(fault);
    }
  });
});
