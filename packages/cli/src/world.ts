import type { CliWorld } from './cli.ts';
import { Output } from './output.ts';

const version = '0.1.0';

/** The real world. What takes long to load is loaded when it is first used. */
export function processWorld(): CliWorld {
  const { stdout, stderr } = process;
  const output = new Output(stdout, stderr, { isTerminal: stdout.isTTY, columns: stdout.columns });
  return {
    version,
    output,
    stdin: process.stdin,
    environment: process.env,
    connect: async (options) => (await import('@edis/client')).connect(options),
    probe: async (address, timeoutMs) => {
      const { RpcChannel } = await import('@edis/rpc');
      const channel = new RpcChannel(address);
      try {
        return await channel.health({ timeoutMs });
      } finally {
        channel.close();
      }
    },
    startCluster: async (options) => (await import('@edis/launcher')).startCluster(options),
    hostIdentity: async () => (await import('@edis/process')).hostIdentity(),
    signalProcess: (pid, signal) => {
      try {
        return process.kill(pid, signal);
      } catch {
        return false;
      }
    },
    onSignal: (listener) => {
      process.on('SIGINT', listener);
      process.on('SIGTERM', listener);
      process.on('SIGHUP', listener);
      return () => {
        process.off('SIGINT', listener);
        process.off('SIGTERM', listener);
        process.off('SIGHUP', listener);
      };
    },
  };
}
