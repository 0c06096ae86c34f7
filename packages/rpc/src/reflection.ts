import { readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import type { handleBidiStreamingCall, MethodDefinition, Server, ServerDuplexStream } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { ProtobufReader } from './codec/protobuf-reader.ts';
import { bytesDefinition } from './methods.ts';
import { packageFiles } from './package-files.ts';

/**
 * Server reflection, versions v1 and v1alpha.
 *
 * proto-loader's own descriptors merge files and lose map entries and optional fields, so that strict readers refuse
 * them. Those that buf made at build time take their place; they also cover health and reflection themselves.
 *
 * Few processes are ever asked, and to load the package and index the descriptors takes a tenth of a start: both wait
 * for the first question.
 */
export function addReflection(server: Server): void {
  for (const version of ['v1', 'v1alpha']) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const definition = bytesDefinition({ path, requestStream: true, responseStream: true });
    server.addService(
      { [path]: definition },
      {
        [path]: (call: ServerDuplexStream<Buffer, Buffer>) => {
          // Nothing is read from the call before somebody listens to it.
          loadReflection().then(
            (methods) => methods.get(path)?.(call),
            () => call.emit('error', { code: status.INTERNAL, details: 'reflection cannot be loaded' }),
          );
        },
      },
    );
  }
}

type BytesHandler = handleBidiStreamingCall<Buffer, Buffer>;

let loading: Promise<ReadonlyMap<string, BytesHandler>> | undefined;

function loadReflection(): Promise<ReadonlyMap<string, BytesHandler>> {
  loading ??= makeHandlers();
  return loading;
}

/** What the package would add to a server, by path. */
async function makeHandlers(): Promise<ReadonlyMap<string, BytesHandler>> {
  const { ReflectionService } = await import('@grpc/reflection');
  const fileDescriptorProtos = readFileDescriptors(readFileSync(packageFiles.descriptorSet));
  // The service looks at the descriptors of definitions only, not at what they define.
  const descriptors = { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } as const;
  const handlers = new Map<string, BytesHandler>();
  new ReflectionService({ descriptors }).addToServer({
    addService: (service: Readonly<Record<string, MethodDefinition<object, object>>>, implementation) => {
      for (const [name, definition] of Object.entries(service)) {
        // Its only method is one of streams.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        const handle = implementation[name] as handleBidiStreamingCall<object, object>;
        handlers.set(definition.path, (call) => handle(messagesOf(call, definition)));
      }
    },
  });
  return handlers;
}

/** A call of bytes, as one of messages. */
function messagesOf(
  call: ServerDuplexStream<Buffer, Buffer>,
  { requestDeserialize, responseSerialize }: MethodDefinition<object, object>,
): ServerDuplexStream<object, object> {
  const messages = new Duplex({
    objectMode: true,
    read: () => call.resume(),
    write: (message: object, _encoding, done) => {
      call.write(responseSerialize(message));
      done();
    },
    final: (done) => {
      call.end();
      done();
    },
  });
  call.on('data', (bytes: Buffer) => {
    try {
      if (!messages.push(requestDeserialize(bytes))) call.pause();
    } catch {
      call.emit('error', { code: status.INVALID_ARGUMENT, details: 'this is no question of reflection' });
    }
  });
  call.on('end', () => messages.push(null));
  // The package reads and writes, and asks nothing else of a call.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return messages as Duplex & ServerDuplexStream<object, object>;
}

/** The members of a FileDescriptorSet, which is its field 1. */
function readFileDescriptors(set: Buffer): Buffer[] {
  const reader = new ProtobufReader();
  reader.reset(set);
  const files: Buffer[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.tag();
    if (tag === 0x0a) files.push(reader.bytes());
    else reader.skip(tag);
  }
  return files;
}
