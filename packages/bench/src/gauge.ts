import { readFile } from 'node:fs/promises';

/** One figure with an upper limit, where a ratio says nothing. */
export interface Gauge {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: 'MiB' | 's';
  readonly passed: boolean;
}

export function gauge(name: string, value: number, limit: number, unit: Gauge['unit']): Gauge {
  return { name, value, limit, unit, passed: value < limit };
}

/** Resident memory of a process of this machine. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const match = /^VmRSS:\s+(\d+) kB/m.exec(status);
  if (match === null) throw new Error(`/proc/${pid}/status has no VmRSS`);
  return Number(match[1]) * 1024;
}
