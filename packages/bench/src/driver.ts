/**
 * The load generator: one Node process per target, so that neither client library shares its event loop with the other
 * or with the bench. Started by DriverProcess over an IPC channel; ends when the channel does.
 */

import { parseTargetAddress, parseWork } from './driver-message.ts';
import { runLoad, runLoop } from './loop.ts';
import type { Target } from './target.ts';
import type { DriverMessage, TargetAddress } from './work.ts';

async function openTarget(address: TargetAddress): Promise<Target> {
  // Imported on demand: a driver carries only the client library that it measures.
  if (address.kind === 'redis') {
    const { RedisTarget } = await import('./redis-target.ts');
    return new RedisTarget({ memory: address.memoryPort, disk: address.diskPort });
  }
  const { EdisTarget } = await import('./edis-target.ts');
  return EdisTarget.open(address.info);
}

function say(message: DriverMessage): void {
  process.send?.(message);
}

const textOf = (caught: unknown): string => (caught instanceof Error ? caught.message : String(caught));

let runs = 0;

async function answer(target: Target, message: unknown): Promise<void> {
  const work = parseWork(message);
  if (work.kind === 'close') {
    await target.close();
    process.disconnect();
    return;
  }
  runs += 1;
  const measurement = work.kind === 'load' ? await runLoad(target, work) : await runLoop(target, work, runs * 104_729);
  say({ kind: 'done', measurement });
}

process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the bench tells its drivers when to end.
process.on('SIGINT', () => undefined);

try {
  const target = await openTarget(parseTargetAddress(process.argv.slice(2)));
  process.on('message', (message) => {
    answer(target, message).catch((error: unknown) => say({ kind: 'failed', message: textOf(error) }));
  });
  say({ kind: 'ready' });
} catch (error) {
  say({ kind: 'failed', message: textOf(error) });
}
