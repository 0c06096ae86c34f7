/**
 * Runs a Node program in a network namespace: NAMESPACE FILE ARGUMENT… Ends with it, and it ends with this one, however
 * that ended: a launcher knows only this process.
 */
import { spawn } from 'node:child_process';

const [namespace = '', file = '', ...args] = process.argv.slice(2);
const child = spawn(
  'setpriv',
  ['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', namespace, process.execPath, file, ...args],
  { stdio: 'inherit' },
);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal));
child.on('close', (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
