import type { ClusterDescription } from '@edis/core';
import type { Cluster, ClusterProcess, ProcessLine } from '@edis/launcher';
import type { Output } from '../output.ts';

/** How `edis up` shows what its processes do. */
export interface UpView {
  onLine(process: ClusterProcess, line: ProcessLine): void;
  /** A line for people that stays. */
  note(text: string): void;
  /** Undefined: info does not answer. */
  refresh(cluster: Cluster, description: ClusterDescription | undefined): void;
  end(): void;
}

/** For pipes, files and programs: every line of every process, with its name before it. */
export function plainView(output: Output): UpView {
  return {
    onLine: (process, line) => output.note(`[${process.name}] ${line.text}`),
    note: (text) => output.note(text),
    refresh: () => {},
    end: () => {},
  };
}
