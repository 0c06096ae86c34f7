import type { CommandContext } from './command.ts';
import { commandIndex } from './command-index.ts';
import {
  checkPositionals,
  groupCommands,
  joinGroup,
  parseInvocation,
  splitCommandLine,
  unknownCommand,
} from './command-line.ts';
import { reportError } from './error-report.ts';
import { exitCodes } from './exit-code.ts';
import { resolveSettings } from './settings.ts';

/** Everything of a context but what the command line itself decides. */
export type CliWorld = Omit<CommandContext, 'settings'>;

/** Runs one command line. Returns the exit code; never rejects. */
export async function runCli(argv: readonly string[], world: CliWorld): Promise<number> {
  try {
    return await runCommand(argv, world);
  } catch (caught) {
    return reportError(caught, world.output, {
      // The command line may be what is wrong, so it is asked for this one flag alone.
      json: argv.slice(0, argv.includes('--') ? argv.indexOf('--') : argv.length).includes('--json'),
      debug: (world.environment['EDIS_DEBUG'] ?? '') !== '',
    });
  }
}

async function runCommand(argv: readonly string[], world: CliWorld): Promise<number> {
  const { output } = world;
  const { command: name, args } = await joinGroup(await splitCommandLine(argv));
  if (name === undefined || name === 'help') {
    const { options, positionals } = await parseInvocation(args, {}, 'help');
    if (options.flag('version')) {
      await output.line(world.version);
      return exitCodes.done;
    }
    if (positionals.length > 0) return runCommand([...positionals, '--help'], world);
    await output.line(await (await import('./help.ts')).generalHelp(output.columns));
    return exitCodes.done;
  }
  const entry = commandIndex.get(name);
  if (entry === undefined) return explainGroup(name, args, world);
  const command = await entry.load();
  const invocation = await parseInvocation(args, command.options, name);
  if (invocation.options.flag('help')) {
    await output.line(await (await import('./help.ts')).commandHelp(command, output.columns));
    return exitCodes.done;
  }
  checkPositionals(command, invocation);
  const settings = await resolveSettings(invocation.options, world.environment);
  return command.run(invocation, { ...world, settings });
}

/** A group alone is no command, but its help is that of its commands. */
async function explainGroup(name: string, args: readonly string[], { output }: CliWorld): Promise<number> {
  if (groupCommands(name).length === 0) throw await unknownCommand(name);
  const { options } = await parseInvocation(args, {}, name);
  if (!options.flag('help')) throw await unknownCommand(name);
  await output.line(await (await import('./help.ts')).groupHelp(name, output.columns));
  return exitCodes.done;
}
