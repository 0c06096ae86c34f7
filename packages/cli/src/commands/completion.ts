import { EdisError } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import type { Shell } from '../completion/completion-words.ts';
import { exitCodes } from '../exit-code.ts';

export const completion: CommandDefinition = {
  name: 'completion',
  arguments: [{ name: 'SHELL' }],
  options: {},
  examples: [
    ['completion bash', 'in ~/.bashrc: eval "$(edis completion bash)"'],
    ['completion zsh', 'edis completion zsh > "${fpath[1]}/_edis"'],
    ['completion fish', 'edis completion fish > ~/.config/fish/completions/edis.fish'],
  ],
  async run({ positionals: [named = ''] }, { output, settings }) {
    const { completedCommands, shells } = await import('../completion/completion-words.ts');
    const shell = shells.find((candidate) => candidate === named);
    if (shell === undefined) {
      throw new EdisError('usage', `SHELL is '${named}'; it must be one of ${shells.join(', ')}`);
    }
    const script = (await scriptOf(shell))(await completedCommands());
    if (settings.json) await output.json({ shell, script });
    else await output.write(script);
    return exitCodes.done;
  },
};

async function scriptOf(shell: Shell) {
  switch (shell) {
    case 'bash':
      return (await import('../completion/bash-script.ts')).bashScript;
    case 'zsh':
      return (await import('../completion/zsh-script.ts')).zshScript;
    case 'fish':
      return (await import('../completion/fish-script.ts')).fishScript;
  }
}
