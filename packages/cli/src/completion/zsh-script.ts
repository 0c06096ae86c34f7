import type { CompletedCommand, CompletedOption } from './completion-words.ts';
import { completedGlobals, completedGroups, keyspaceLister } from './completion-words.ts';

/** For zsh with its completion system (`compinit`). */
export function zshScript(commands: readonly CompletedCommand[]): string {
  const groups = completedGroups(commands);
  const top = commands.filter(({ words }) => words.length === 1);
  const firsts = [
    ...top.map(({ words, summary }) => described(words[0] ?? '', summary)),
    ...[...groups].map(([group, words]) => described(group, words.join(', '))),
    described('help', 'what a command does'),
  ];
  const globals = completedGlobals().map(argumentOf);
  return `#compdef edis
# zsh completion of edis. To have it in every shell, put it where zsh looks for functions:
#   edis completion zsh > "\${fpath[1]}/_edis"

_edis_keyspaces() {
  local -a names
  names=(\${(f)"$(${keyspaceLister})"})
  compadd -a names
}

_edis_commands() {
  local -a commands
  commands=(
${indented(firsts, 4)}
  )
  _describe command commands
}

_edis() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  _arguments -C \\
${continued(globals)}
    '1:command:_edis_commands' \\
    '*::argument:->rest'
  [[ $state == rest ]] || return
  case $line[1] in
    help) _edis_commands ;;
${top.map((command) => `    ${command.words[0]})\n${argumentsCall(command)}\n      ;;`).join('\n')}
${[...groups.keys()].map((group) => `    ${group})\n${groupCase(group, commands)}\n      ;;`).join('\n')}
  esac
}

if [[ $funcstack[1] == _edis ]]; then
  _edis "$@"
else
  compdef _edis edis
fi
`;
}

function groupCase(group: string, commands: readonly CompletedCommand[]): string {
  const inner = commands.filter(({ words }) => words[0] === group && words.length === 2);
  const list = inner.map(({ words, summary }) => described(words[1] ?? '', summary)).join(' ');
  const cases = inner.map((command) => `        ${command.words[1]})\n${argumentsCall(command)}\n          ;;`);
  return `      if ((CURRENT == 2)); then
        local -a commands
        commands=(${list})
        _describe command commands
        return
      fi
      shift words
      ((CURRENT--))
      case $words[1] in
${cases.join('\n')}
      esac`;
}

function argumentsCall({ options, argument, choices }: CompletedCommand): string {
  const values = choices.length > 0 ? `(${choices.join(' ')})` : actionOf(argument);
  return `      _arguments \\\n${continued(options.map(argumentOf))}\n    '*:argument:${values}'`;
}

function argumentOf({ name, description, takesValue, choices, completes }: CompletedOption): string {
  // A colon would end the description, and a bracket would close it.
  const text = description.replaceAll(/[[\]]/g, '').replaceAll(':', String.raw`\:`);
  if (!takesValue) return quoted(`--${name}[${text}]`);
  const values = choices.length > 0 ? `(${choices.join(' ')})` : actionOf(completes);
  return quoted(`*--${name}=[${text}]:value:${values}`);
}

function actionOf(completes: string | undefined): string {
  if (completes === 'keyspace') return '_edis_keyspaces';
  if (completes === 'file') return '_files';
  return completes === 'directory' ? '_files -/' : ' ';
}

function described(word: string, summary: string): string {
  return quoted(`${word}:${summary.replaceAll(':', String.raw`\:`)}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function indented(lines: readonly string[], spaces: number): string {
  return lines.map((line) => ' '.repeat(spaces) + line).join('\n');
}

function continued(lines: readonly string[]): string {
  return lines.map((line) => `    ${line} \\`).join('\n');
}
