// The container trial, `npm run test:compose`: builds the image, brings docker-compose.yml up under a project name and
// ports of its own, writes and reads from this machine and from a container, kills and restarts one node of each role,
// and takes everything down again: containers, volumes and image. By hand, because it needs a container engine.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ComposeProject, runCommand } from './container-engine.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const edis = fileURLToPath(new URL('../../cli/bin/edis.js', import.meta.url));
const buildMs = 15 * 60_000;
const healthyMs = 4 * 60_000;
const recoverMs = 60_000;
const keyCount = 24;
/** Ports 17400, 17411 …: a cluster on the usual ones is not in the way. */
const portPrefix = process.env.EDIS_PORT_PREFIX ?? '174';
const services = ['info', ...[1, 2, 3].flatMap((n) => [`write-shard-${n}`, `read-shard-${n}`])];

const say = (text) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

function check(holds, what, detail = '') {
  if (!holds) throw new Error(`${what}${detail === '' ? '' : `\n${detail}`}`);
}

/** Tries until `attempt` returns something; its last failure is the reason when time is up. */
async function waitFor(what, timeoutMs, attempt) {
  const deadline = performance.now() + timeoutMs;
  let reason = '';
  while (performance.now() < deadline) {
    try {
      const found = await attempt();
      if (found !== undefined) return found;
    } catch (error) {
      reason = error.message;
    }
    await sleep(500);
  }
  throw new Error(`${what}: not within ${timeoutMs / 1000} s${reason === '' ? '' : `; last: ${reason}`}`);
}

async function waitHealthy(project, names, timeoutMs) {
  let states = {};
  const reached = async () => {
    states = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await project.healthOf(name)])));
    return Object.values(states).every((state) => state === 'running/healthy') ? states : undefined;
  };
  try {
    await waitFor('every service is healthy', timeoutMs, reached);
  } catch (error) {
    throw new Error(`${error.message}\n${JSON.stringify(states, null, 2)}`);
  }
}

function parseJson({ code, stdout, stderr }, what) {
  check(code === 0, `${what} ended with ${code}`, `${stdout}${stderr}`);
  return JSON.parse(stdout);
}

/** The CLI on this machine. */
async function onHost(args) {
  const words = [edis, ...args, '--json', '--info', `localhost:${portPrefix}00`];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('EDIS_')));
  return runCommand(process.execPath, words, { timeoutMs: 30_000, env });
}

/** The CLI in a container of the network. */
const inContainer = (project, service, args) => project.exec(service, ['edis', ...args, '--json'], 60_000);

async function writeKeys(project, prefix) {
  const written = new Map();
  for (let index = 0; index < keyCount; index += 1) {
    const key = `${prefix}:${index}`;
    const value = `value ${index}`;
    const args = ['put', key, value];
    const fromHost = index % 2 === 0;
    const result = fromHost ? await onHost(args) : await inContainer(project, services[index % services.length], args);
    written.set(key, { value, shard: parseJson(result, `put ${key}, ${fromHost ? 'host' : 'container'}`).shard });
  }
  return written;
}

/** Each key from the other side than the one that wrote it, strictly or from replicas. */
async function readKeys(project, written, flags) {
  const servers = new Set();
  for (const [key, { value }] of written) {
    const fromHost = Number(key.split(':')[1]) % 2 === 1;
    const args = ['get', key, ...flags];
    const result = await waitFor(`get ${key}`, recoverMs, async () => {
      const answer = fromHost ? await onHost(args) : await inContainer(project, 'info', args);
      return parseJson(answer, `get ${key}, ${fromHost ? 'host' : 'container'}`);
    });
    check(result.value === value, `${key} should be "${value}"`, JSON.stringify(result));
    servers.add(`${result.servedBy.role} ${result.servedBy.node}`);
  }
  return servers;
}

async function killAndRestart(project, service) {
  say(`kill -9 and restart of ${service}`);
  const id = await project.containerOf(service);
  await project.docker(['kill', '-s', 'KILL', id]);
  await waitFor(`${service} has ended`, recoverMs, async () =>
    (await project.healthOf(service)).startsWith('exited') ? true : undefined,
  );
  await project.docker(['start', id]);
  await waitHealthy(project, [service], healthyMs);
}

async function tryCluster(project) {
  say('building the image');
  await project.compose(['build'], { timeoutMs: buildMs, echo: true });
  say('starting the cluster');
  await project.compose(['up', '-d'], { timeoutMs: healthyMs + 60_000, echo: true });
  await waitHealthy(project, services, healthyMs);

  say('writing and reading from host and container');
  const written = await writeKeys(project, 'first');
  const shards = new Set([...written.values()].map(({ shard }) => shard));
  check(shards.size === 3, `the keys should lie on three shards, not on ${[...shards].join(', ')}`);
  await readKeys(project, written, ['--consistency', 'strong']);
  const servers = await waitFor('replicas answer', recoverMs, async () => {
    const found = await readKeys(project, written, []);
    return [...found].some((server) => server.startsWith('replica')) ? found : undefined;
  });
  say(`reads were served by ${[...servers].join(', ')}`);
  const ran = await project.compose(['run', '--rm', '-T', 'cli', 'get', 'first:0', '--json'], { timeoutMs: 120_000 });
  check(ran.includes('value 0'), '`run --rm cli get` should print the value', ran);

  for (const service of ['write-shard-1', 'read-shard-1', 'info']) await killAndRestart(project, service);
  say('checking that nothing is lost, and that writes go on');
  await readKeys(project, written, ['--consistency', 'strong']);
  await readKeys(project, written, []);
  await readKeys(project, await writeKeys(project, 'second'), []);

  say('stopping, which drains');
  await project.compose(['stop'], { timeoutMs: 180_000 });
  for (const service of services) {
    const id = await project.containerOf(service);
    const code = (await project.docker(['inspect', '--format', '{{.State.ExitCode}}', id])).trim();
    check(code === '0', `${service} should end with 0 when it is asked to, not with ${code}`);
  }
}

async function takeDown(project, image) {
  say('taking it down');
  await project.compose(['down', '--volumes', '--remove-orphans', '--timeout', '20'], { timeoutMs: 180_000 });
  // After a failed build there is no image.
  await runCommand('docker', ['image', 'rm', '--force', image], { timeoutMs: 60_000 });
}

async function main() {
  const name = `edis-trial-${process.pid}`;
  const image = `${name}:latest`;
  const env = { ...process.env, EDIS_IMAGE: image, EDIS_PORT_PREFIX: portPrefix };
  const project = await ComposeProject.open({ name, folder: root, env });
  // Compose is stopped with us by the terminal; what it has made so far is taken down in either case.
  const interrupted = new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
  try {
    await Promise.race([tryCluster(project), interrupted]);
    say('the container trial passed');
  } catch (error) {
    const logs = await project.compose(['logs', '--no-color', '--tail=15']).catch((cause) => cause.message);
    process.stderr.write(`${logs}\n`);
    throw error;
  } finally {
    await takeDown(project, image);
  }
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`the container trial failed: ${error.message}\n`);
  // After an interruption a command may still be under way; everything is taken down by now.
  process.exit(1);
}
