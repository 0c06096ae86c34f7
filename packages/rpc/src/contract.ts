import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as FeedContract } from './generated/feed.ts';
import type { ProtoGrpcType as InfoContract } from './generated/info.ts';
import type { ProtoGrpcType as QueryContract } from './generated/query.ts';
import type { ProtoGrpcType as ReplicationContract } from './generated/replication.ts';
import type { ProtoGrpcType as ShardContract } from './generated/shard.ts';
import { packageFiles } from './package-files.ts';

/**
 * How messages look between proto-loader and the codecs; scripts/generate.mjs makes the types with the same options.
 */
export const loaderOptions = {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [packageFiles.protoDirectory],
};

const contractFiles = [
  'edis/v1/info.proto',
  'edis/v1/shard.proto',
  'edis/v1/replication.proto',
  'edis/v1/query.proto',
  'edis/v1/feed.proto',
];

type Contract = InfoContract & ShardContract & ReplicationContract & QueryContract & FeedContract;

function loadContract(): Contract {
  const loaded: unknown = loadPackageDefinition(loadSync(contractFiles, loaderOptions));
  // The one place where types are taken on trust: the generator made them from the files that are loaded here.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return loaded as Contract;
}

/** The contract of proto/edis/v1. It is part of the code, hence loaded with it, and never changes. */
export const contract = loadContract().edis.v1;
