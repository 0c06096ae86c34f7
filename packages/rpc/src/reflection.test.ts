import type { DescMethod, FileRegistry } from '@bufbuild/protobuf';
import { create, createFileRegistry, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { BatchRequest } from '@edis/core';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { ProtobufReader } from './codec/protobuf-reader.ts';
import { RpcServer } from './index.ts';

/**
 * A client that knows nothing of Edis beyond an address, as grpcurl: it learns services, messages and their encoding
 * from the server, through a strict reader of descriptors that is not the one the server uses.
 */

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** The length-delimited fields with one number. */
function fields(message: Buffer, number: number): Buffer[] {
  const reader = new ProtobufReader();
  reader.reset(message);
  const found: Buffer[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.tag();
    if (tag === number * 8 + 2) found.push(reader.bytes());
    else reader.skip(tag);
  }
  return found;
}

class ReflectionClient {
  readonly #client: Client;
  readonly #path: string;
  readonly #files = new Map<string, FileDescriptorProto>();

  constructor(client: Client, version: string) {
    this.#client = client;
    this.#path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
  }

  async services(): Promise<string[]> {
    const [list] = fields(await this.#ask(7, '*'), 6);
    return fields(list ?? Buffer.alloc(0), 1).flatMap((service) => fields(service, 1).map(String));
  }

  async registryOf(symbol: string): Promise<FileRegistry> {
    const [response] = fields(await this.#ask(4, symbol), 4);
    const files = fields(response ?? Buffer.alloc(0), 1).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    for (const file of files) this.#files.set(file.name, file);
    const [root] = files;
    if (root === undefined) throw new Error(`nothing is known of ${symbol}`);
    return createFileRegistry(create(FileDescriptorSetSchema, { file: [...this.#inOrder(root, new Set())] }));
  }

  /** A file behind all that it imports. */
  #inOrder(file: FileDescriptorProto, ordered: Set<FileDescriptorProto>): Set<FileDescriptorProto> {
    for (const name of file.dependency) {
      const imported = this.#files.get(name);
      if (imported === undefined) throw new Error(`${file.name} imports ${name}, which did not come with it`);
      this.#inOrder(imported, ordered);
    }
    return ordered.add(file);
  }

  /** One question on a stream of its own. */
  #ask(field: number, text: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeBidiStreamRequest(this.#path, asIs, asIs);
      call.on('error', reject);
      call.once('data', (answer: Buffer) => {
        call.end();
        resolve(answer);
      });
      call.write(Buffer.concat([Buffer.from([field * 8 + 2, text.length]), Buffer.from(text)]));
    });
  }
}

function unused(): never {
  throw new Error('unused');
}

async function serve(): Promise<{ client: Client; requests: BatchRequest[] }> {
  const requests: BatchRequest[] = [];
  const server = new RpcServer({
    listen: '127.0.0.1:0',
    info: {
      session: () => undefined,
      watchTopology: () => undefined,
      describeCluster: unused,
      createKeyspace: unused,
      dropKeyspace: unused,
      promote: unused,
    },
    query: { scan: unused, search: unused, aggregate: unused },
    feed: { watch: () => undefined },
    replication: { follow: () => undefined, snapshot: () => undefined, beacon: () => undefined },
    shard: {
      batch: () => undefined,
      stats: unused,
      execute: (request) => {
        requests.push(request);
        return Promise.resolve({
          results: [
            { request: 1, outcome: { kind: 'put', version: 2 ** 50, position: 9 } },
            {
              request: 2,
              outcome: {
                kind: 'found',
                value: Buffer.from('v'),
                metadata: { a: 'b' },
                version: 1,
                expiresAtMs: 0,
                position: 9,
              },
            },
          ],
          node: 'n1',
          role: 'primary',
          shard: 's1',
          epoch: 3,
          timestamp: 7,
          stalenessMs: 0,
        });
      },
    },
  });
  closers.push(() => server.close());
  const { address } = await server.start();
  server.setServing(true);
  const client = new Client(address, credentials.createInsecure());
  closers.push(() => client.close());
  return { client, requests };
}

function callWithJson(client: Client, method: DescMethod, request: Parameters<typeof fromJson>[1]): Promise<unknown> {
  const bytes = Buffer.from(toBinary(method.input, fromJson(method.input, request)));
  const path = `/${method.parent.typeName}/${method.name}`;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asIs, asIs, bytes, (error, answer) => {
      if (answer === undefined) reject(error ?? new Error('no answer'));
      else resolve(toJson(method.output, fromBinary(method.output, answer)));
    });
  });
}

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  it('lists every service, and a strict reader accepts the descriptors of each', async () => {
    const { client } = await serve();
    const reflection = new ReflectionClient(client, version);
    const services = await reflection.services();
    expect(services.toSorted()).toEqual([
      'edis.v1.FeedService',
      'edis.v1.InfoService',
      'edis.v1.QueryService',
      'edis.v1.ReplicationService',
      'edis.v1.ShardService',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ]);
    for (const name of services) {
      const registry = await reflection.registryOf(name);
      expect(registry.getService(name)?.methods.length).toBeGreaterThan(0);
    }
    const registry = await reflection.registryOf('edis.v1.Put');
    expect(registry.getMessage('edis.v1.Put')?.field['metadata']?.fieldKind).toBe('map');
    expect(registry.getMessage('edis.v1.Operation')?.oneofs.map(({ name }) => name)).toEqual(['operation']);
  });

  it('is enough to call a method with JSON', async () => {
    const { client, requests } = await serve();
    const registry = await new ReflectionClient(client, version).registryOf('edis.v1.ShardService');
    const execute = registry.getService('edis.v1.ShardService')?.method['execute'];
    if (execute === undefined) throw new Error('no Execute');
    const answer = await callWithJson(client, execute, {
      batch: {
        epoch: '3',
        operations: [
          {
            request: 1,
            put: { key: 'YQ==', value: 'djE=', metadata: { a: 'b' }, ack: 'ACK_MEMORY', condition: { absent: true } },
          },
          { request: 2, get: { key: 'YQ==', consistency: 'CONSISTENCY_STRONG' } },
        ],
      },
    });
    expect(requests[0]?.operations).toMatchObject([
      { kind: 'put', key: 'a', ack: 'memory', metadata: { a: 'b' }, condition: { kind: 'absent' } },
      { kind: 'get', key: 'a', consistency: 'strong', omitValue: false },
    ]);
    expect(answer).toMatchObject({
      batch: {
        node: 'n1',
        role: 'MEMBER_ROLE_PRIMARY',
        results: [
          { request: 1, put: { version: String(2 ** 50), position: '9' } },
          { request: 2, found: { value: 'dg==', metadata: { a: 'b' } } },
        ],
      },
    });
  });

  it('lets the health service be called', async () => {
    const { client } = await serve();
    const registry = await new ReflectionClient(client, version).registryOf('grpc.health.v1.Health');
    const health = registry.getService('grpc.health.v1.Health');
    const check = health?.method['check'];
    const list = health?.method['list'];
    if (check === undefined || list === undefined) throw new Error('no Check or no List');
    expect(await callWithJson(client, check, { service: 'edis.v1.ShardService' })).toEqual({ status: 'SERVING' });
    expect(await callWithJson(client, list, {})).toMatchObject({
      statuses: { 'edis.v1.InfoService': { status: 'SERVING' } },
    });
  });
});
