import type { ClientHttp2Session } from 'node:http2';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { DescMethod, FileRegistry } from '@bufbuild/protobuf';
import { createFileRegistry, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Client } from '@edis/client';
import { RpcChannel } from '@edis/rpc';
import { TestCluster } from '@edis/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Status codes of gRPC. */
const grpcStatus = { ok: 0, invalidArgument: 3, resourceExhausted: 8, unimplemented: 12 } as const;
const mebibyte = 1024 * 1024;
const callMs = 10_000;

interface Answer {
  readonly status: number;
  readonly message: Uint8Array;
}

/**
 * A gRPC client that knows an address and nothing more, as grpcurl: HTTP/2 frames by hand, and what services and
 * messages there are from the server's reflection.
 */
class ReflectionCaller {
  readonly #session: ClientHttp2Session;
  readonly #files = new Map<string, FileDescriptorProto>();

  constructor(address: string) {
    // Node's own bound is below the largest message that a test sends.
    this.#session = connectHttp2(`http://${address}`, { maxSessionMemory: 64 });
    this.#session.on('error', () => undefined);
  }

  close(): void {
    this.#session.destroy();
  }

  async services(): Promise<string[]> {
    const [list] = fieldsOf(await this.#reflect(7, '*'), 6);
    return fieldsOf(list, 1).flatMap((service) => fieldsOf(service, 1).map((name) => Buffer.from(name).toString()));
  }

  async method(service: string, name: string): Promise<DescMethod> {
    const found = (await this.#registryOf(service)).getService(service)?.method[name];
    if (found === undefined) throw new Error(`reflection knows no ${name} of ${service}`);
    return found;
  }

  async json(service: string, name: string, request: Parameters<typeof fromJson>[1]): Promise<unknown> {
    const method = await this.method(service, name);
    const bytes = toBinary(method.input, fromJson(method.input, request));
    const { status, message } = await this.call(`/${service}/${method.name}`, bytes);
    if (status !== grpcStatus.ok) throw new Error(`${name} ended with status ${status}`);
    return toJson(method.output, fromBinary(method.output, message));
  }

  /** One request, the status at the end, and the first answer. The prefix is part of the body: a test may lie in it. */
  async call(path: string, message: Uint8Array, prefix = prefixOf(message.length)): Promise<Answer> {
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = this.#session.request(headers);
    stream.setTimeout(callMs, () => stream.destroy(new Error(`${path} did not answer within ${callMs} ms`)));
    let status = -1;
    const noteStatus = (received: Readonly<Record<string, unknown>>): void => {
      if (received['grpc-status'] !== undefined) status = Number(received['grpc-status']);
    };
    stream.on('response', noteStatus).on('trailers', noteStatus);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end(Buffer.concat([prefix, message]));
    stream.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
    });
    return { status, message: Buffer.concat(chunks).subarray(prefix.length) };
  }

  async #registryOf(symbol: string): Promise<FileRegistry> {
    const [response] = fieldsOf(await this.#reflect(4, symbol), 4);
    const files = fieldsOf(response, 1).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    for (const file of files) this.#files.set(file.name, file);
    const [root] = files;
    if (root === undefined) throw new Error(`nothing is known of ${symbol}`);
    return createFileRegistry(root, (name) => this.#files.get(name));
  }

  async #reflect(field: number, text: string): Promise<Uint8Array> {
    const request = new BinaryWriter().tag(field, 2).string(text).finish();
    return (await this.call('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', request)).message;
  }
}

/** Flag byte and length, as gRPC puts them before each message. */
function prefixOf(length: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** The length-delimited fields with one number. */
function fieldsOf(message: Uint8Array | undefined, number: number): Uint8Array[] {
  const reader = new BinaryReader(message ?? new Uint8Array(0));
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === number && wireType === 2) found.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return found;
}

let running: TestCluster;
let client: Client;
/** By process. */
const callers = new Map<string, ReflectionCaller>();

const names = ['info', 'write-shard-1', 'read-shard-1-1'] as const;

beforeAll(async () => {
  running = await TestCluster.start({ shards: 1, replicas: 1 });
  client = await running.client();
  for (const name of names) callers.set(name, new ReflectionCaller(addressOf(name)));
});

afterAll(async () => {
  for (const caller of callers.values()) caller.close();
  await running.close();
});

function addressOf(name: string): string {
  return running.cluster.process(name).address ?? '';
}

function callerOf(name: string): ReflectionCaller {
  const caller = callers.get(name);
  if (caller === undefined) throw new Error(`no caller of ${name}`);
  return caller;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

describe('a client that knows only the address', () => {
  test.each([
    ['info', 'edis.v1.InfoService'],
    ['write-shard-1', 'edis.v1.ShardService'],
    ['read-shard-1-1', 'edis.v1.ShardService'],
  ])('%s lists %s and is healthy', async (name, service) => {
    const caller = callerOf(name);
    expect(await caller.services()).toEqual(expect.arrayContaining([service, 'grpc.health.v1.Health']));
    expect(await caller.json('grpc.health.v1.Health', 'check', { service })).toEqual({ status: 'SERVING' });
    expect(await caller.json('grpc.health.v1.Health', 'check', {})).toEqual({ status: 'SERVING' });
  });

  test('it writes and reads with JSON, and the SDK sees it', async () => {
    const answer = await callerOf('write-shard-1').json('edis.v1.ShardService', 'execute', {
      batch: {
        operations: [
          { request: 1, put: { key: base64('by hand'), value: base64('hello'), metadata: { a: 'b' } } },
          { request: 2, get: { key: base64('missing') } },
        ],
      },
    });
    expect(answer).toMatchObject({
      batch: {
        node: 'write-shard-1',
        role: 'MEMBER_ROLE_PRIMARY',
        shard: 's1',
        results: expect.arrayContaining([
          { request: 1, put: { version: expect.any(String), position: expect.any(String) } },
          { request: 2, notFound: expect.anything() },
        ]),
      },
    });
    const read = await client.get('by hand', { consistency: 'strong' });
    expect(read).toMatchObject({ metadata: { a: 'b' } });
    expect(Buffer.from(read?.value ?? []).toString()).toBe('hello');
  });

  test('an operation beyond a limit is an outcome that names it, and the others of its batch are done', async () => {
    const answer = await callerOf('write-shard-1').json('edis.v1.ShardService', 'execute', {
      batch: {
        operations: [
          { request: 1, put: { key: base64('k'.repeat(4097)), value: '' } },
          { request: 2, put: { key: '', value: '' } },
          { request: 3, put: { key: base64('fine'), value: base64('v') } },
          { request: 4, keyspace: 77, get: { key: base64('k') } },
        ],
      },
    });
    expect(answer).toMatchObject({
      batch: {
        results: expect.arrayContaining([
          expect.objectContaining({ request: 1, invalid: expect.objectContaining({ cause: expect.any(String) }) }),
          expect.objectContaining({ request: 2, invalid: expect.objectContaining({ cause: expect.any(String) }) }),
          expect.objectContaining({ request: 3, put: expect.anything() }),
          expect.objectContaining({ request: 4, invalid: expect.objectContaining({ cause: expect.any(String) }) }),
        ]),
      },
    });
    expect(await client.exists('fine', { consistency: 'strong' })).toBe(true);
  });

  test('info describes the cluster', async () => {
    const answer = await callerOf('info').json('edis.v1.InfoService', 'describeCluster', {});
    expect(JSON.stringify(answer)).toContain(client.topology().cluster);
  });
});

/** Sends bytes and waits until the process has closed the connection, or has taken all of them. */
async function sendRaw(address: string, bytes: Uint8Array): Promise<void> {
  const separator = address.lastIndexOf(':');
  const socket = connectTcp(Number(address.slice(separator + 1)), address.slice(0, separator));
  socket.on('error', () => undefined);
  socket.resume();
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  const sent = new Promise<void>((resolve) => {
    socket.end(bytes, () => resolve());
  });
  await Promise.race([closed, sent]);
  socket.destroy();
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const noise = Buffer.from(Array.from({ length: 64 * 1024 }, (_, index) => (index * 131 + (index >> 8)) & 0xff));

describe.each(names)('bad bytes on the port of %s', (name) => {
  const serviceOf = (): string =>
    name === 'info' ? '/edis.v1.InfoService/DescribeCluster' : '/edis.v1.ShardService/Execute';

  test('leave the process running and serving', async () => {
    const { pid } = running.cluster.process(name);
    const address = addressOf(name);
    const bad = [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      noise,
      Buffer.concat([preface, noise]),
      Buffer.concat([preface, emptySettings, noise]),
      preface.subarray(0, 9),
    ];
    await Promise.all([...bad, ...bad].map((bytes) => sendRaw(address, bytes)));
    const channel = new RpcChannel(address);
    expect(await channel.health({ timeoutMs: callMs })).toBe(true);
    channel.close();
    expect(running.cluster.process(name)).toMatchObject({ pid, state: 'ready' });
    await client.put('after-garbage', name);
    expect(Buffer.from((await client.get('after-garbage'))?.value ?? []).toString()).toBe(name);
  });

  test('are answered with the status of what is wrong, when they are a call', async () => {
    const caller = callerOf(name);
    const malformed = Buffer.from([0x0a, 0xff, 0xff]);
    expect(await caller.call('/edis.v1.Nothing/AtAll', Buffer.alloc(0))).toMatchObject({
      status: grpcStatus.unimplemented,
    });
    if (name !== 'info') {
      expect(await caller.call(serviceOf(), malformed)).toMatchObject({ status: grpcStatus.invalidArgument });
    }
    const large = Buffer.alloc(16 * mebibyte + 1);
    expect(await caller.call(serviceOf(), large)).toMatchObject({ status: grpcStatus.resourceExhausted });
    // A length that only the prefix claims is refused before it is waited or room is made for.
    const claimed = await caller.call(serviceOf(), Buffer.alloc(10), prefixOf(0xff_ff_ff_ff));
    expect(claimed.status).toBe(grpcStatus.resourceExhausted);
    expect(await caller.json('grpc.health.v1.Health', 'check', {})).toEqual({ status: 'SERVING' });
  });
});
