import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder with a file system of its own below it that is as small as a test wants: a tmpfs. Needs root. */
export class SmallDisk {
  readonly folder: string;
  readonly mountPoint: string;

  constructor(name: string, sizeMib: number) {
    this.folder = mkdtempSync(join(tmpdir(), 'edis-small-disk-'));
    this.mountPoint = join(this.folder, name);
    mkdirSync(this.mountPoint);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'edis-test', this.mountPoint]);
  }

  resize(sizeMib: number): void {
    execFileSync('mount', ['-o', `remount,size=${sizeMib}m`, this.mountPoint]);
  }

  release(): void {
    execFileSync('umount', [this.mountPoint]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
