// The container engine that the environment names (DOCKER_HOST), and whichever Compose goes with it. Every command has
// a time limit, and a failed one throws with what it printed.

import { spawn } from 'node:child_process';

/** Enough of a failed command's output to see why. */
const keptOutputCharacters = 4000;

/** Runs a command to its end. Returns {code, stdout, stderr}; throws only when it cannot start or takes too long. */
export function runCommand(command, args, { timeoutMs, cwd, env, echo = false, signal } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], signal });
    const output = { stdout: '', stderr: '' };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${[command, ...args].join(' ')} took longer than ${timeoutMs / 1000} s\n${tailOf(output)}`));
    }, timeoutMs);
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] += text;
        if (echo) process.stderr.write(text);
      });
    }
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`${command} cannot be run: ${error.message}`));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...output });
    });
  });
}

const tailOf = ({ stdout, stderr }) => `${stdout}\n${stderr}`.trim().slice(-keptOutputCharacters);

async function mustRun(command, args, options) {
  const result = await runCommand(command, args, options);
  if (result.code === 0) return result.stdout;
  throw new Error(`${[command, ...args].join(' ')} ended with ${result.code}:\n${tailOf(result)}`);
}

const probeMs = 30_000;
const shortMs = 60_000;

/** One Compose project of its own on the engine at hand. */
export class ComposeProject {
  #compose;
  #options;

  constructor({ name, folder, env, compose }) {
    this.name = name;
    this.#compose = compose;
    this.#options = { cwd: folder, env };
  }

  static async open({ name, folder, env }) {
    const engine = await runCommand('docker', ['version', '--format', '{{.Server.Version}}'], {
      timeoutMs: probeMs,
      env,
    });
    if (engine.code !== 0) {
      throw new Error(`no container engine answers; start one, or name it in DOCKER_HOST\n${tailOf(engine)}`);
    }
    for (const compose of [['docker', 'compose'], ['docker-compose']]) {
      const [command, ...args] = compose;
      const found = await runCommand(command, [...args, 'version'], { timeoutMs: probeMs, env }).catch(() => undefined);
      if (found?.code !== 0) continue;
      process.stderr.write(`engine ${engine.stdout.trim()}, ${found.stdout.split('\n')[0]}\n`);
      return new ComposeProject({ name, folder, env, compose });
    }
    throw new Error('there is neither `docker compose` nor `docker-compose`; install one of them');
  }

  /** `docker compose …` on this project. */
  compose(args, { timeoutMs = shortMs, echo = false } = {}) {
    const [command, ...first] = this.#compose;
    return mustRun(command, [...first, '-p', this.name, ...args], { ...this.#options, timeoutMs, echo });
  }

  /** A command in a running container; its outcome is the caller's to judge. */
  exec(service, args, timeoutMs = shortMs) {
    const [command, ...first] = this.#compose;
    const words = [...first, '-p', this.name, 'exec', '-T', service, ...args];
    return runCommand(command, words, { ...this.#options, timeoutMs });
  }

  docker(args, timeoutMs = shortMs) {
    return mustRun('docker', args, { ...this.#options, timeoutMs });
  }

  /** The id of a service's container, running or not. */
  async containerOf(service) {
    const label = (name, value) => ['--filter', `label=com.docker.compose.${name}=${value}`];
    const listed = await this.docker(['ps', '-aq', ...label('project', this.name), ...label('service', service)]);
    const [id] = listed.trim().split('\n');
    if (!id) throw new Error(`the service ${service} has no container`);
    return id;
  }

  async healthOf(service) {
    const id = await this.containerOf(service);
    return (await this.docker(['inspect', '--format', '{{.State.Status}}/{{.State.Health.Status}}', id])).trim();
  }
}
