import { readFileSync } from 'node:fs';
import type { Server } from '@grpc/grpc-js';
import { ProtobufReader } from './codec/protobuf-reader.ts';
import { packageFiles } from './package-files.ts';

/**
 * Server reflection, versions v1 and v1alpha.
 *
 * proto-loader's own descriptors merge files and lose map entries and optional fields, so that strict readers refuse
 * them. Those that buf made at build time take their place; they also cover health and reflection themselves.
 */
export async function addReflection(server: Server): Promise<void> {
  // Loaded with a server's start: clients, which share this package, need none.
  const { ReflectionService } = await import('@grpc/reflection');
  const fileDescriptorProtos = readFileDescriptors(readFileSync(packageFiles.descriptorSet));
  // The service looks at the descriptors of definitions only, not at what they define.
  const descriptors = { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } as const;
  new ReflectionService({ descriptors }).addToServer(server);
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
