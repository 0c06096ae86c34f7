import { EdisError } from '@edis/core';
import { describe, expect, test } from 'vitest';
import { advertisedEndpoints, parseAddress, parseEndpoint } from './address.ts';

describe('addresses', () => {
  test('a name, an IPv4 and a bracketed IPv6 address are read', () => {
    expect(parseAddress('info:7400')).toEqual({ host: 'info', port: 7400 });
    expect(parseAddress('127.0.0.1:0')).toEqual({ host: '127.0.0.1', port: 0 });
    expect(parseAddress('[::1]:7400')).toEqual({ host: '[::1]', port: 7400 });
  });

  test.each(['', 'info', ':7400', 'info:', 'info:70000', 'info:x', '::1:7400', 'a b:1', 'http://info:7400', 'a,b:1'])(
    '%j is refused, and the error quotes it',
    (text) => {
      expect(() => parseAddress(text)).toThrow(EdisError);
      expect(() => parseAddress(text)).toThrow(`'${text}'`);
    },
  );

  test('an endpoint has an optional network', () => {
    expect(parseEndpoint('localhost:7400')).toEqual({ network: '', address: 'localhost:7400' });
    expect(parseEndpoint('host=localhost:7400')).toEqual({ network: 'host', address: 'localhost:7400' });
    expect(() => parseEndpoint('=localhost:7400')).toThrow(EdisError);
    expect(() => parseEndpoint('host=localhost')).toThrow("'localhost' is not an address");
  });
});

describe('advertised endpoints', () => {
  test('without any, the listen address is told, with every interface as localhost and the real port', () => {
    expect(advertisedEndpoints([], '0.0.0.0:0', 41_000)).toEqual([{ network: '', address: 'localhost:41000' }]);
    expect(advertisedEndpoints([], '127.0.0.1:7400', 7400)).toEqual([{ network: '', address: '127.0.0.1:7400' }]);
  });

  test('given ones are told as they are, with port 0 for the real port', () => {
    const given = [parseEndpoint('internal=info:7400'), parseEndpoint('host=localhost:0')];
    expect(advertisedEndpoints(given, '0.0.0.0:7400', 7400)).toEqual([
      { network: 'internal', address: 'info:7400' },
      { network: 'host', address: 'localhost:7400' },
    ]);
  });

  test('two for one network are refused', () => {
    const given = [parseEndpoint('host=a:1'), parseEndpoint('host=b:1')];
    expect(() => advertisedEndpoints(given, '0.0.0.0:7400', 7400)).toThrow("network 'host'");
  });
});
