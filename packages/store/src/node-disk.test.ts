import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { NodeDisk } from './node-disk.ts';

test('a directory that is made is safe with all those above it that were made for it', async () => {
  const top = await mkdtemp(join(tmpdir(), 'edis-disk-'));
  try {
    const disk = new NodeDisk();
    const synced = vi.spyOn(disk, 'syncDirectory');
    await disk.makeDirectory(join(top, 'set-aside', 'store-1', 'log'));
    expect(synced.mock.calls).toEqual([[join(top, 'set-aside', 'store-1')], [join(top, 'set-aside')], [top]]);
    await disk.makeDirectory(join(top, 'set-aside', 'store-1', 'log'));
    expect(synced).toHaveBeenCalledTimes(3);
  } finally {
    await rm(top, { recursive: true });
  }
});
