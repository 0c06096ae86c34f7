import type { CompletedCommand, CompletedOption } from './completion-words.ts';
import { completedGlobals, completedGroups, keyspaceLister } from './completion-words.ts';

/** For fish 3 and newer. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  const groups = completedGroups(commands);
  const valued = new Set(
    commands.flatMap(({ options }) => options.flatMap(({ name, takesValue }) => (takesValue ? [`--${name}`] : []))),
  );
  const lines = commands.flatMap(({ words, summary, options, argument, choices }) => {
    const [first = '', second] = words;
    const at = second === undefined ? '__edis_at' : `__edis_at ${first}`;
    const within = `__edis_within ${words.join(' ')}`;
    return [
      `complete -c edis -n '${at}' -a ${second ?? first} -d ${quoted(summary)}`,
      ...options.map((option) => optionLine(within, option)),
      ...valuesOf(choices, argument).map((values) => `complete -c edis -n '${within}' ${values}`),
    ];
  });
  const groupLines = [...groups].map(
    ([group, words]) => `complete -c edis -n '__edis_at' -a ${group} -d ${quoted(words.join(', '))}`,
  );
  return `# fish completion of edis. To have it in every shell:
#   edis completion fish > ~/.config/fish/completions/edis.fish

function __edis_keyspaces
    ${keyspaceLister}
end

# The words of the command line that are neither options nor their values, without the one that is being typed.
function __edis_words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word ${[...valued].join(' ')}
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

# Exactly these words are there: the next one is a command.
function __edis_at
    test "$(__edis_words | string join ' ')" = "$argv"
end

# The command line begins with these words.
function __edis_within
    set -l words (__edis_words)
    test (count $words) -ge (count $argv); and test "$words[1..$(count $argv)]" = "$argv"
end

complete -c edis -f
${completedGlobals()
  .map((option) => optionLine('__edis_at', option))
  .join('\n')}
complete -c edis -n '__edis_at' -a help -d 'what a command does'
${groupLines.join('\n')}
${lines.join('\n')}
`;
}

function optionLine(condition: string, { name, description, takesValue, choices, completes }: CompletedOption): string {
  const [values = '-x'] = valuesOf(choices, completes);
  // `-F` needs `-r`: a file is one of the values that the option requires.
  const argument = takesValue ? ` ${values.startsWith('-a') ? '-x ' : ''}${values === '-F' ? '-r -F' : values}` : '';
  return `complete -c edis -n '${condition}' -l ${name}${argument} -d ${quoted(description)}`;
}

function valuesOf(choices: readonly string[], completes: string | undefined): string[] {
  if (choices.length > 0) return [`-a '${choices.join(' ')}'`];
  if (completes === 'keyspace') return ["-a '(__edis_keyspaces)'"];
  if (completes === 'file') return ['-F'];
  return completes === 'directory' ? ["-a '(__fish_complete_directories)'"] : [];
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
