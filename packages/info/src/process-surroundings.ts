import { realTimers } from '@edis/process';
import { grpcNetwork } from '@edis/rpc';
import type { InfoSurroundings } from './info.ts';

/** Network, timers and clock of a process. */
export const processSurroundings: Pick<InfoSurroundings, 'network' | 'timers' | 'nowMs'> = Object.freeze({
  network: grpcNetwork,
  timers: realTimers,
  nowMs: () => performance.now(),
});
