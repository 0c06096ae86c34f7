import { limits } from './limits.ts';
import type { PromiseAnswer, RefusalCause, Registration } from './node-message.ts';
import { maxShards, shardNumber } from './planner.ts';

/** Why a node is not let in: the cause for programs, the message for people. */
export interface Refusal {
  readonly cause: RefusalCause;
  readonly message: string;
}

/** One for each network that a cluster can sensibly span; the topology carries them for every member. */
const maxEndpoints = 16;
const maxStoreLength = 128;
const maxHostLength = 512;
/** The longest name that DNS allows, with room for a port. */
const maxAddressLength = 300;
const maxNetworkLength = 64;
const countFault = 'a number is negative, fractional or above 2^53 - 1';

/**
 * Info raises its own epochs above those that it hears of, and they have to stay countable: no cluster counts so far,
 * and a process that says it did is damaged.
 */
const maxEpoch = 2 ** 48;
/** What nodes hear from info lies above what they said: those that were let in with the highest are let in again. */
const maxEpochLead = 2 ** 20;

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * What is wrong with a registration in itself, whatever the state of the cluster; undefined: nothing.
 *
 * @param highestEpoch of the cluster's shards
 */
export function checkRegistration(registration: Registration, highestEpoch: number): Refusal | undefined {
  const { lastEntry, seenEpoch, promisedEpoch } = registration;
  const epoch = Math.max(lastEntry.epoch, seenEpoch, promisedEpoch);
  const limit = Math.max(maxEpoch, highestEpoch + maxEpochLead);
  const wrong = findFault(registration) ?? findEpochFault(epoch, limit);
  return wrong === undefined ? undefined : { cause: 'invalid', message: wrong };
}

/** What is wrong with an answer to a question, which is above what info was told; undefined: nothing. */
export function findAnswerFault({ promisedEpoch, lastEntry }: PromiseAnswer, highestEpoch: number): string | undefined {
  if (![promisedEpoch, lastEntry.epoch, lastEntry.position].every(isCount)) return countFault;
  return findEpochFault(Math.max(promisedEpoch, lastEntry.epoch), Math.max(maxEpoch, highestEpoch) + maxEpochLead);
}

function findEpochFault(epoch: number, limit: number): string | undefined {
  if (epoch <= limit) return undefined;
  return `epoch ${epoch} is above all that a cluster comes to: the data directory is damaged`;
}

function findFault(registration: Registration): string | undefined {
  const { node, store, cluster, shard, endpoints, host } = registration;
  if (node.length < 1 || node.length > limits.maxNodeNameLength) {
    return `the node name has ${node.length} characters; allowed are 1 to ${limits.maxNodeNameLength}`;
  }
  if (store.length < 1 || store.length > maxStoreLength) {
    return `the store id has ${store.length} characters; allowed are 1 to ${maxStoreLength}`;
  }
  if (cluster.length > maxStoreLength) return `the cluster id is longer than ${maxStoreLength} characters`;
  if (shard !== '' && shardNumber(shard) === undefined) {
    return `'${shard.slice(0, 32)}' is no name of a shard; they are called s1 to s${maxShards}`;
  }
  if (host.length > maxHostLength) return `the host identity is longer than ${maxHostLength} characters`;
  if (endpoints.length < 1 || endpoints.length > maxEndpoints) {
    return `${endpoints.length} endpoints are advertised; allowed are 1 to ${maxEndpoints}`;
  }
  const networks = new Set<string>();
  for (const endpoint of endpoints) {
    if (endpoint.address.length < 1 || endpoint.address.length > maxAddressLength) {
      return `an endpoint's address has ${endpoint.address.length} characters; allowed are 1 to ${maxAddressLength}`;
    }
    if (endpoint.network.length > maxNetworkLength) {
      return `a network name is longer than ${maxNetworkLength} characters`;
    }
    if (networks.has(endpoint.network)) return `network '${endpoint.network}' has two endpoints`;
    networks.add(endpoint.network);
  }
  const { lastEntry, seenEpoch, promisedEpoch, pid, incarnation } = registration;
  const counts = [lastEntry.epoch, lastEntry.position, seenEpoch, promisedEpoch, pid, incarnation];
  return counts.every(isCount) ? undefined : countFault;
}
