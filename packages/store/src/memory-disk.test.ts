import { describe, expect, test } from 'vitest';
import { MemoryDisk } from './memory-disk.ts';

/** What may be there after a power loss that tears. */
async function outcomes(change: (disk: MemoryDisk) => Promise<void>): Promise<string[]> {
  const found = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    // The bits of the seed say what outlives, one after the other.
    let bits = seed;
    const changesRandom = (): number => {
      const bit = bits % 2;
      bits >>>= 1;
      return bit / 2;
    };
    const disk = new MemoryDisk({ random: () => 0.999, changesRandom });
    for (const name of ['a', 'b']) {
      const file = disk.open(`data/${name}`);
      file.append([Buffer.from(name)]);
      await file.sync();
    }
    await disk.syncDirectory('data');
    await change(disk);
    disk.crash(true);
    found.add(
      disk
        .paths()
        .map((path) => `${path.slice('data/'.length)}=${disk.bytesOf(path).toString()}`)
        .join(' '),
    );
  }
  return [...found].sort();
}

describe('after a power loss that tears', () => {
  test('each removal that no sync covers has happened or not, in any order', async () => {
    const found = await outcomes(async (disk) => {
      await disk.remove('data/a');
      await disk.remove('data/b');
    });
    expect(found).toEqual(['', 'a=a', 'a=a b=b', 'b=b']);
  });

  test('a file that was made may be there, with what was synced in it', async () => {
    const found = await outcomes(async (disk) => {
      const file = disk.open('data/c');
      file.append([Buffer.from('c')]);
      await file.sync();
    });
    expect(found).toEqual(['a=a b=b', 'a=a b=b c=c']);
  });

  test('a rename has happened as a whole or not at all', async () => {
    const found = await outcomes((disk) => disk.rename('data/a', 'data/b'));
    expect(found).toEqual(['a=a b=b', 'b=a']);
  });

  test('a cut has happened or not, and what was written behind it goes with it', async () => {
    const found = await outcomes(async (disk) => {
      const file = disk.open('data/b');
      await file.truncate(0);
      file.append([Buffer.from('new')]);
    });
    expect(found).toEqual(['a=a b=b', 'a=a b=new']);
  });

  test('what a sync covered has happened, and what was done after it began may have', async () => {
    const found = await outcomes(async (disk) => {
      await disk.remove('data/a');
      const endSync = disk.beginSyncDirectory('data');
      await disk.remove('data/b');
      endSync();
    });
    expect(found).toEqual(['', 'b=b']);
  });
});

test('syncs of two directories at once each cover what is theirs', async () => {
  const disk = new MemoryDisk();
  const endOther = disk.beginSyncDirectory('data');
  disk.open('data/log/a');
  const endFirst = disk.beginSyncDirectory('data');
  const end = disk.beginSyncDirectory('data/log');
  endOther();
  endFirst();
  end();
  disk.crash();
  expect(disk.paths()).toEqual(['data/log/a']);
});

test('a power loss that does not tear undoes all that no sync covers', async () => {
  const disk = new MemoryDisk();
  const file = disk.open('data/a');
  file.append([Buffer.from('safe')]);
  await file.sync();
  await disk.syncDirectory('data');
  file.append([Buffer.from(' not')]);
  await file.truncate(2);
  await disk.rename('data/a', 'data/b');
  disk.open('data/c');
  disk.crash();
  expect([disk.paths(), disk.bytesOf('data/a').toString()]).toEqual([['data/a'], 'safe']);
});

test('what a failed sync has dropped is made safe by no later sync, unless it is written again', async () => {
  const disk = new MemoryDisk();
  const file = disk.open('data/a');
  await disk.syncDirectory('data');
  file.append([Buffer.from('safe')]);
  await file.sync();
  file.append([Buffer.from(' dropped')]);
  disk.failSync();
  await expect(file.sync()).rejects.toMatchObject({ code: 'disk' });
  await file.sync();
  const left = (other: MemoryDisk): string => other.bytesOf('data/a').toString();
  expect(left(disk)).toBe('safe dropped');
  await file.rewrite(2);
  await file.sync();
  disk.crash();
  expect(left(disk)).toBe('safe dropped');
  const again = disk.open('data/a');
  again.append([Buffer.from(' and lost')]);
  disk.failSync();
  await expect(again.sync()).rejects.toMatchObject({ code: 'disk' });
  await again.sync();
  disk.crash();
  expect(left(disk)).toBe('safe dropped');
});
