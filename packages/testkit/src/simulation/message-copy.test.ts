import { describe, expect, it } from 'vitest';
import { copyMessage } from './message-copy.ts';

describe('a message on its way', () => {
  it('is a copy: nothing in it is the sender\u2019s', () => {
    const bytes = Buffer.from('value');
    const reports = new Map([['m1', { position: 1 }]]);
    const message = { kind: 'put', list: [{ bytes }], reports, big: 12n, nothing: undefined };
    const { message: copy } = copyMessage(message);
    expect(copy).toEqual(message);
    bytes.fill(0);
    reports.clear();
    expect(copy.list[0]?.bytes.toString()).toBe('value');
    expect(copy.reports.get('m1')).toEqual({ position: 1 });
  });

  it('leaves out what an operation is besides an operation, and takes in what it computes', () => {
    class Pending {
      readonly kind = 'delete';
      readonly key = 'a';
      readonly connection: Pending = this;
      get sequence(): number {
        return 7;
      }
    }
    const { message } = copyMessage({ operations: [new Pending()] });
    expect(message).toEqual({ operations: [{ kind: 'delete', key: 'a', sequence: 7 }] });
  });

  it('holds only data', () => {
    expect(() => copyMessage({ call: () => {} })).toThrow(TypeError);
  });

  it('takes about as many bytes as its contents', () => {
    expect(copyMessage({ value: Buffer.alloc(1000) }).bytes).toBeGreaterThan(999);
    expect(copyMessage({ value: Buffer.alloc(1000) }).bytes).toBeLessThan(1100);
  });
});
