import type { CompletedCommand, CompletedOption } from './completion-words.ts';
import { completedGlobals, completedGroups, keyspaceLister } from './completion-words.ts';

/** For bash 3.2 and newer, with nothing else installed. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const groups = completedGroups(commands);
  const firsts = [...new Set(commands.map(({ words: [first = ''] }) => first)), 'help'];
  const valued = [
    ...new Set(allOptions(commands).flatMap(({ name, takesValue }) => (takesValue ? [`--${name}`] : []))),
  ];
  const groupSections = [...groups]
    .map(([group, words]) => section([group], optionsCase(completedGlobals(), words.join(' '), undefined)))
    .join('\n');
  return `# bash completion of edis. To have it in every shell, add to ~/.bashrc:
#   eval "$(edis completion bash)"

_edis_keyspaces() {
  ${keyspaceLister}
}

_edis() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local command='' count=0 index options='' values=''
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "\${COMP_WORDS[index]}" in
      ${valued.join('|')}) ((index++)) ;;
      -*) ;;
      *)
        case "$count,$command" in
          0,*) command=\${COMP_WORDS[index]} ;;
          ${[...groups.keys()].map((group) => `1,${group}`).join('|')}) command="$command \${COMP_WORDS[index]}" ;;
          *) ((count++)) ;;
        esac
        ((count++))
        ;;
    esac
  done
  case "$command" in
${section([''], optionsCase(completedGlobals(), firsts.join(' '), undefined))}
${section(['help'], optionsCase([], firsts.join(' '), undefined))}
${groupSections}
${commands.map((command) => section(command.words, commandCase(command))).join('\n')}
  esac
  case "$current" in
    -*) values=$options ;;
  esac
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$values" -- "$current"))
}

complete -F _edis edis
`;
}

function allOptions(commands: readonly CompletedCommand[]): CompletedOption[] {
  return commands.flatMap(({ options }) => options);
}

function section(words: readonly string[], body: string): string {
  return `    '${words.join(' ')}')\n${body}\n      ;;`;
}

function commandCase({ options, argument, choices }: CompletedCommand): string {
  return optionsCase(options, choices.join(' '), argument);
}

/** @param values what may stand there when it is no option */
function optionsCase(options: readonly CompletedOption[], values: string, argument: string | undefined): string {
  const lines = [
    `      options='${options.map(({ name }) => `--${name}`).join(' ')}'`,
    `      values=${argument === 'keyspace' ? '$(_edis_keyspaces)' : `'${values}'`}`,
    '      case "$previous" in',
    ...options
      .filter(({ takesValue }) => takesValue)
      .map((option) => `        --${option.name}) ${valueOf(option)} ;;`),
  ];
  const files = fileCompletion(argument);
  if (files !== undefined) lines.push(`        *) [[ $current == -* ]] || { ${files} } ;;`);
  return [...lines, '      esac'].join('\n');
}

function valueOf({ choices, completes }: CompletedOption): string {
  if (choices.length > 0) return `values='${choices.join(' ')}' options=''`;
  if (completes === 'keyspace') return "values=$(_edis_keyspaces) options=''";
  return fileCompletion(completes) ?? 'return';
}

function fileCompletion(completes: string | undefined): string | undefined {
  if (completes !== 'file' && completes !== 'directory') return undefined;
  const kind = completes === 'file' ? 'f' : 'd';
  return `compopt -o filenames 2>/dev/null; local IFS=$'\\n'; COMPREPLY=($(compgen -${kind} -- "$current")); return;`;
}
