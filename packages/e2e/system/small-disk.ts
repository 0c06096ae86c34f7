import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder as a file system of its own that is as small as a test wants: a tmpfs. Needs root. */
export class SmallDisk {
  readonly #mountPoint: string;

  /** What is in the folder is on the disk, too; nobody may have it open. The folder is made if it is missing. */
  constructor(mountPoint: string, sizeMib: number) {
    this.#mountPoint = mountPoint;
    const aside = mkdtempSync(join(tmpdir(), 'edis-small-disk-'));
    try {
      mkdirSync(mountPoint, { recursive: true });
      cpSync(mountPoint, aside, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'edis-test', mountPoint]);
      cpSync(aside, mountPoint, { recursive: true });
    } finally {
      rmSync(aside, { recursive: true, force: true });
    }
  }

  resize(sizeMib: number): void {
    execFileSync('mount', ['-o', `remount,size=${sizeMib}m`, this.#mountPoint]);
  }

  release(): void {
    execFileSync('umount', [this.#mountPoint]);
  }
}
