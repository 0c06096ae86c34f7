import type { DiskAccess } from './simulated-disk.ts';
import type { StepFilter } from './simulated-process.ts';

/** One fault of a plan: what happens, to whom, when, and for how long. Plain data: a plan can be kept, and cut. */
export type Fault = { readonly atMs: number } & (
  | NetworkFault
  | ProcessFault
  | DiskFault
  | ClockFault
  /** Something that only the scenario knows how to do: a node joins, its disk is lost, a shard is handed over … */
  | { readonly kind: 'act'; readonly act: string; readonly process: string }
);

export type NetworkFault =
  /** What `from` sends does not reach `to`; the connections are given up after a while. */
  | { readonly kind: 'block'; readonly from: string; readonly to: string; readonly forMs: number }
  /** No process of `some` reaches one of `others`, nor the other way round. */
  | {
      readonly kind: 'partition';
      readonly some: readonly string[];
      readonly others: readonly string[];
      readonly forMs: number;
    }
  /** As `block`, but the connections stay: everything comes late and at once. */
  | { readonly kind: 'clog'; readonly from: string; readonly to: string; readonly forMs: number }
  | {
      readonly kind: 'delay';
      readonly from: string;
      readonly to: string;
      readonly addedMs: number;
      readonly forMs: number;
    }
  | { readonly kind: 'reset'; readonly first: string; readonly second: string }
  | { readonly kind: 'half-open'; readonly told: string; readonly untold: string };

/**
 * `afterSteps`: in the middle of its work, at the so-manieth thing of that kind that it does from then on; 0: at once,
 * between two of them.
 */
export type ProcessFault =
  | {
      readonly kind: 'kill';
      readonly process: string;
      readonly downMs: number;
      readonly afterSteps: number;
      readonly of: StepFilter;
    }
  | {
      readonly kind: 'crash';
      readonly process: string;
      readonly downMs: number;
      readonly afterSteps: number;
      readonly of: StepFilter;
      readonly tear: boolean;
    }
  /** The power of several machines fails in the same moment. */
  | {
      readonly kind: 'blackout';
      readonly process: string;
      readonly others: readonly string[];
      readonly downMs: number;
      readonly afterSteps: number;
      readonly of: StepFilter;
      readonly tear: boolean;
    }
  | {
      readonly kind: 'stall';
      readonly process: string;
      readonly forMs: number;
      readonly afterSteps: number;
      readonly of: StepFilter;
    }
  /** A signal to end, within that time. */
  | { readonly kind: 'terminate'; readonly process: string; readonly withinMs: number; readonly downMs: number }
  | { readonly kind: 'pause'; readonly process: string; readonly forMs: number }
  | { readonly kind: 'suspend'; readonly process: string; readonly forMs: number };

export type DiskFault =
  | { readonly kind: 'slow-disk'; readonly process: string; readonly syncMs: number; readonly forMs: number }
  | { readonly kind: 'hung-disk'; readonly process: string; readonly forMs: number }
  | { readonly kind: 'full-disk'; readonly process: string; readonly bytes: number; readonly forMs: number }
  | { readonly kind: 'failed-sync'; readonly process: string }
  | { readonly kind: 'failed-write'; readonly process: string }
  | { readonly kind: 'failed-view'; readonly process: string }
  /** The next access of a kind fails, after so many of it. */
  | {
      readonly kind: 'failed-access';
      readonly process: string;
      readonly access: DiskAccess;
      readonly afterCount: number;
    };

export type ClockFault =
  | { readonly kind: 'clock-step'; readonly process: string; readonly byMs: number }
  | { readonly kind: 'clock-rate'; readonly process: string; readonly rate: number; readonly forMs: number };

export type FaultKind = Fault['kind'];

/** The fault with everybody's own name instead of a role. */
export function namedFault(fault: Fault, whoIs: (name: string) => string): Fault {
  switch (fault.kind) {
    case 'block':
    case 'clog':
    case 'delay':
      return { ...fault, from: whoIs(fault.from), to: whoIs(fault.to) };
    case 'partition': {
      const some = fault.some.map(whoIs);
      return { ...fault, some, others: fault.others.map(whoIs).filter((name) => !some.includes(name)) };
    }
    case 'reset':
      return { ...fault, first: whoIs(fault.first), second: whoIs(fault.second) };
    case 'half-open':
      return { ...fault, told: whoIs(fault.told), untold: whoIs(fault.untold) };
    case 'act':
    case 'kill':
    case 'crash':
    case 'blackout':
    case 'terminate':
    case 'stall':
    case 'pause':
    case 'suspend':
    case 'slow-disk':
    case 'hung-disk':
    case 'full-disk':
    case 'failed-sync':
    case 'failed-write':
    case 'failed-view':
    case 'failed-access':
    case 'clock-step':
    case 'clock-rate':
      return { ...fault, process: whoIs(fault.process) };
  }
}

/** A line for people. */
export function describeFault({ atMs, kind, ...rest }: Fault): string {
  const details = Object.entries(rest).map(([name, value]) => `${name}=${textOf(value)}`);
  return `${atMs.toFixed(0).padStart(7)} ms ${[kind, ...details].join(' ')}`;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join('+');
  return typeof value === 'number' ? String(Math.round(value * 10_000) / 10_000) : String(value);
}
