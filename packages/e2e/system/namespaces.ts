import { execFileSync } from 'node:child_process';

/**
 * Machines that a test can cut off from each other: network namespaces, each with an address of its own, around one
 * that routes between them and can lose what one sends to another. The test itself is one of the machines. Needs root.
 *
 * What is lost is lost as in a network: nobody is told, connections that exist stay open.
 */
export class Namespaces {
  static #made = 0;
  readonly #id: string;
  readonly #names: readonly string[];

  /** @param names of at most 200 machines; the first one is that of the test */
  constructor(names: readonly string[]) {
    Namespaces.#made += 1;
    // The kernel takes its time with those that were deleted.
    this.#id = `${process.pid}-${Namespaces.#made}`;
    this.#names = names;
    try {
      run('ip', 'netns', 'add', this.#router);
      run('ip', 'netns', 'exec', this.#router, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
      for (const [index, name] of names.entries()) this.#connect(name, index);
    } catch (caught) {
      this.release();
      throw caught;
    }
  }

  /** Where a machine is reached. */
  address(name: string): string {
    return `${subnet(this.#indexOf(name))}.2`;
  }

  /** The namespace of a machine that is not the test's. */
  namespace(name: string): string {
    return `edis-${this.#id}-${name}`;
  }

  /** What `from` sends does not reach `to`. */
  block(from: string, to: string): void {
    const ends = ['--source', this.address(from), '--destination', this.address(to)];
    run('ip', 'netns', 'exec', this.#router, 'iptables', '--append', 'FORWARD', ...ends, '--jump', 'DROP');
  }

  /** Both ways. */
  part(one: string, others: readonly string[]): void {
    for (const other of others) {
      this.block(one, other);
      this.block(other, one);
    }
  }

  heal(): void {
    run('ip', 'netns', 'exec', this.#router, 'iptables', '--flush', 'FORWARD');
  }

  /** The kernel takes all other links with their namespaces. */
  release(): void {
    const namespaces = [this.#router, ...this.#names.slice(1).map((name) => this.namespace(name))];
    const commands = [['link', 'delete', this.#link('a', 0)], ...namespaces.map((name) => ['netns', 'delete', name])];
    for (const command of commands) {
      try {
        run('ip', ...command);
      } catch {
        // It was never made.
      }
    }
  }

  get #router(): string {
    return this.namespace('router');
  }

  #indexOf(name: string): number {
    const index = this.#names.indexOf(name);
    if (index < 0) throw new Error(`there is no machine ${name}`);
    return index;
  }

  /** Short, as the kernel wants it; the test's own one is seen by the whole machine. */
  #link(end: 'a' | 'b', index: number): string {
    return `e${this.#id}${end}${index}`;
  }

  #connect(name: string, index: number): void {
    const [gateway, own] = [`${subnet(index)}.1`, `${subnet(index)}.2`];
    const [near, far] = [this.#link('a', index), this.#link('b', index)];
    const isTest = index === 0;
    if (!isTest) run('ip', 'netns', 'add', this.namespace(name));
    const within = isTest ? [] : ['-n', this.namespace(name)];
    const router = ['-n', this.#router];
    run('ip', ...within, 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', this.#router);
    run('ip', ...router, 'address', 'add', `${gateway}/24`, 'dev', far);
    run('ip', ...router, 'link', 'set', far, 'up');
    run('ip', ...within, 'address', 'add', `${own}/24`, 'dev', near);
    run('ip', ...within, 'link', 'set', near, 'up');
    if (!isTest) run('ip', ...within, 'link', 'set', 'lo', 'up');
    run('ip', ...within, 'route', 'add', isTest ? `${network}.0.0/16` : 'default', 'via', gateway);
  }
}

/** Of those that are for measuring networks, and belong to nobody. */
const network = '198.18';

function subnet(index: number): string {
  return `${network}.${index + 1}`;
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
