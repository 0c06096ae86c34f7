/** Many commands, one connection. */
import { homedir } from 'node:os';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { exitCodes } from '../exit-code.ts';
import type { ReplSession } from '../repl/repl-session.ts';

export const repl: CommandDefinition = {
  name: 'repl',
  arguments: [],
  options: {},
  examples: [
    ['repl', 'a prompt with history and completion; help says more, Ctrl-D ends'],
    ['repl --keyspace users < commands.txt', 'a command on each line, without a prompt'],
  ],
  async run(_, context) {
    const { ReplSession: Session } = await import('../repl/repl-session.ts');
    const session = new Session(context);
    const ending = new AbortController();
    const stopListening = context.onSignal(() => {
      ending.abort();
      session.cancel();
      context.stdin.destroy();
    });
    try {
      const interactive = context.output.isTerminal && 'isTTY' in context.stdin && context.stdin.isTTY === true;
      if (interactive) {
        await runTerminal(session, context);
        return ending.signal.aborted ? exitCodes.unreachable : exitCodes.done;
      }
      const { runPipe } = await import('../repl/repl-pipe.ts');
      return await runPipe(context.stdin, session, ending.signal);
    } catch (error) {
      // Its own end by a signal is no error of what it was doing.
      if (ending.signal.aborted) return exitCodes.unreachable;
      throw error;
    } finally {
      stopListening();
      await session.close();
    }
  },
};

async function runTerminal(session: ReplSession, context: CommandContext): Promise<void> {
  const { ReplTerminal } = await import('../repl/repl-terminal.ts');
  const { Completer } = await import('../repl/completer.ts');
  const { History, historyPath } = await import('../repl/history.ts');
  const { output, stdin, environment } = context;
  const open = () => {
    const { info, network, timeoutMs, keyspace } = session.settings;
    return session.connection.connect({ info, network, timeoutMs, keyspace });
  };
  const history = new History(historyPath(environment, homedir()));
  output.note(`Edis ${context.version}: help says what there is, Ctrl-D ends.`);
  const options = { input: stdin, terminal: process.stdout, output, session, completer: new Completer(open), history };
  await new ReplTerminal(options).run();
}
