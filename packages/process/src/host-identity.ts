import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

function readOrEmpty(read: () => string): string {
  try {
    return read().trim();
  } catch {
    // Only Linux has these files; elsewhere the host name alone has to do.
    return '';
  }
}

/**
 * Identity of what a process id is valid in: the machine, its boot and, on Linux, the pid namespace, so that a tool on
 * the host never takes a container's pid for one of its own.
 */
export function hostIdentity(): string {
  const boot = readOrEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const pids = readOrEmpty(() => readlinkSync('/proc/self/ns/pid'));
  return [hostname(), boot, pids].filter((part) => part !== '').join('/');
}
