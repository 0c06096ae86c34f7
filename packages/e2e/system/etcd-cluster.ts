import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from '@edis/testkit';
import { freePort } from './free-port.ts';

const run = promisify(execFile);
const healthyMs = 30_000;

interface EtcdMember {
  readonly flags: readonly string[];
  readonly endpoint: string;
  child: ChildProcess | undefined;
}

/** An etcd of real servers on free ports of the loopback interface. */
export class EtcdCluster {
  readonly #members: readonly EtcdMember[];
  readonly #folder: string;

  private constructor(members: readonly EtcdMember[], folder: string) {
    this.#members = members;
    this.#folder = folder;
  }

  static async start(size: number): Promise<EtcdCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'edis-etcd-'));
    const ports: { readonly name: string; readonly client: string; readonly peer: string }[] = [];
    for (let index = 1; index <= size; index += 1) {
      const client = `http://127.0.0.1:${await freePort()}`;
      ports.push({ name: `etcd-${index}`, client, peer: `http://127.0.0.1:${await freePort()}` });
    }
    const initial = ports.map(({ name, peer }) => `${name}=${peer}`).join(',');
    const members = ports.map(({ name, client, peer }) => {
      const clientFlags = ['--listen-client-urls', client, '--advertise-client-urls', client];
      const peerFlags = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer];
      const flags = ['--name', name, '--data-dir', join(folder, name), '--initial-cluster', initial, '--log-level'];
      return { flags: [...flags, 'error', ...clientFlags, ...peerFlags], endpoint: client, child: undefined };
    });
    const etcd = new EtcdCluster(members, folder);
    etcd.startMembers();
    await etcd.healthy();
    return etcd;
  }

  get endpoints(): readonly string[] {
    return this.#members.map((member) => member.endpoint);
  }

  /** Starts those that do not run, on their data. */
  startMembers(): void {
    for (const member of this.#members) {
      member.child ??= spawn('etcd', [...member.flags], { stdio: 'ignore' });
    }
  }

  /** Resolves when the cluster takes writes. */
  async healthy(): Promise<void> {
    await waitFor(() => this.control('endpoint', 'health'), 'etcd to be healthy', healthyMs);
  }

  /** Which member the others follow. */
  async leader(): Promise<number> {
    const status: unknown = JSON.parse(await this.control('endpoint', 'status', '-w', 'json'));
    if (!Array.isArray(status)) throw new Error('etcdctl printed no list');
    const members = status.map((each: unknown) => String(fieldAt(each, 'Status', 'header', 'member_id')));
    return members.indexOf(String(fieldAt(status[0], 'Status', 'leader')));
  }

  /** kill -9. */
  async kill(index: number): Promise<void> {
    const member = this.#members[index];
    const child = member?.child;
    if (member === undefined || child === undefined) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    member.child = undefined;
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#members.map((_, index) => this.kill(index)));
  }

  /** etcdctl, whose output is returned. */
  async control(...args: readonly string[]): Promise<string> {
    const flags = ['--endpoints', this.endpoints.join(','), '--command-timeout', '3s'];
    const { stdout } = await run('etcdctl', [...flags, ...args], { env: { ...process.env, ETCDCTL_API: '3' } });
    return stdout;
  }

  async stop(): Promise<void> {
    await this.killAll();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function fieldAt(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>((inner, name) => {
    return typeof inner === 'object' && inner !== null ? Reflect.get(inner, name) : undefined;
  }, value);
}
