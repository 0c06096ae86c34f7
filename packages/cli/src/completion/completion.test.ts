import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandIndex } from '../command-index.ts';
import { globalOptions } from '../option.ts';
import { runFake } from '../testing/fake-world.ts';

const run = promisify(execFile);
let directory = '';
let scriptPath = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-completion-'));
  scriptPath = join(directory, 'edis.bash');
  await writeFile(scriptPath, (await runFake(['completion', 'bash'])).stdout.text);
  await writeFile(join(directory, 'data.ndjson'), '');
  // Stands for the command itself, which completion asks for keyspaces.
  const keyspaces = '{"keyspaces":[{"name":"default","id":1},{"name":"users","id":2}]}';
  await writeFile(join(directory, 'edis'), `#!/bin/sh\necho '${keyspaces}'\n`, { mode: 0o755 });
});
afterAll(() => rm(directory, { recursive: true }));

/** What bash offers for the last word. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const script = `
    source "$1"
    shift
    COMP_WORDS=(edis "$@")
    COMP_CWORD=$#
    complete -p edis > /dev/null || exit 1
    _edis
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const environment = { ...process.env, PATH: `${directory}:${process.env['PATH']}` };
  const { stdout } = await run('bash', ['-c', script, 'bash', scriptPath, ...words], {
    cwd: directory,
    env: environment,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('bash', () => {
  test('the script is right and is loaded without output', async () => {
    await run('bash', ['-n', scriptPath]);
    const { stdout, stderr } = await run('bash', ['-c', `source ${scriptPath}; complete -p edis`]);
    expect([stdout, stderr]).toEqual(['complete -F _edis edis\n', '']);
  });

  test('every command is offered', async () => {
    const offered = await bashOffers('');
    for (const name of commandIndex.keys()) expect(offered).toContain(name.replace(/ .*/, ''));
  });

  test.each([...commandIndex.keys()])('%s: every option is offered', async (name) => {
    const command = await commandIndex.get(name)?.load();
    const offered = await bashOffers(...name.split(' '), '--');
    const options = Object.keys({ ...command?.options, ...globalOptions }).map((option) => `--${option}`);
    expect(offered.toSorted()).toEqual(options.toSorted());
  });

  test.each([
    [['pu'], ['put']],
    [['--json', 'pu'], ['put']],
    [['--info', 'put', 'pu'], ['put']],
    [
      ['keyspace', ''],
      ['create', 'list', 'describe', 'drop'],
    ],
    [['keyspace', 'drop', 'u'], ['users']],
    [
      ['put', 'k', 'v', '--ack', ''],
      ['memory', 'disk', 'quorum'],
    ],
    [
      ['get', '--consistency', 's'],
      ['session', 'strong'],
    ],
    [
      ['get', '--keyspace', ''],
      ['default', 'users'],
    ],
    [['import', 'da'], ['data.ndjson']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['help', 'expo'], ['export']],
    [['put', 'k', '--ttl', ''], []],
    [['nonsense', ''], []],
  ])('edis %o offers %o', async (words, offered) => {
    expect(await bashOffers(...words)).toEqual(offered);
  });
});

describe.each(['zsh', 'fish'])('%s', (shell) => {
  test('the script names every command and each of its options and choices', async () => {
    const { stdout, exitCode } = await runFake(['completion', shell]);
    expect(exitCode).toBe(0);
    for (const [name, entry] of commandIndex) {
      const words = name.split(' ');
      const command = await entry.load();
      const part =
        shell === 'fish'
          ? stdout.text
              .split('\n')
              .filter((line) => line.includes(`'__edis_within ${name}'`))
              .join('\n')
          : (stdout.text.split(new RegExp(`^ +${words.at(-1)}\\)\n`, 'm')).at(-1) ?? '').split(';;')[0];
      for (const [option, { choices = [] }] of Object.entries({ ...command.options, ...globalOptions })) {
        expect(part).toContain(shell === 'fish' ? ` -l ${option} ` : `--${option}`);
        if (choices.length > 0) expect(part).toContain(choices.join(' '));
      }
    }
  });

  test('quotes within descriptions are closed', async () => {
    const { stdout } = await runFake(['completion', shell]);
    const unescaped = stdout.text
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n')
      .replaceAll(String.raw`\'`, '');
    expect((unescaped.match(/'/g) ?? []).length % 2).toBe(0);
    expect((unescaped.match(/[({]/g) ?? []).length).toBe(
      (unescaped.match(/[)}]/g) ?? []).length - caseMarks(unescaped),
    );
  });
});

/** `word)` opens a case and closes no bracket. */
function caseMarks(text: string): number {
  return (text.match(/^ +[\w-]+\)/gm) ?? []).length;
}

test('another shell is a usage error, and --json gives the script as a document', async () => {
  const { exitCode, stderr } = await runFake(['completion', 'tcsh']);
  expect([exitCode, stderr.text]).toEqual([2, "edis: SHELL is 'tcsh'; it must be one of bash, zsh, fish\n"]);
  const { stdout } = await runFake(['completion', 'bash', '--json']);
  expect(JSON.parse(stdout.text)).toEqual({ shell: 'bash', script: expect.stringContaining('complete -F _edis edis') });
});
