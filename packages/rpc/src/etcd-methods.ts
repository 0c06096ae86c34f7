import { loadPackageDefinition } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { loadSync } from '@grpc/proto-loader';
import type { MessageCodec } from './codec/message-codec.ts';
import { malformed } from './codec/message-codec.ts';
import { loaderOptions } from './contract.ts';
import type { ProtoGrpcType as EtcdContract } from './generated/etcd.ts';
import { method } from './methods.ts';
import { packageFiles } from './package-files.ts';

/** The client's side of a method, as proto-loader codes it. */
function clientMethod<Request, ResponseInput, RequestOutput, Response>(
  definition: MethodDefinition<Request, ResponseInput, RequestOutput, Response>,
) {
  const request: MessageCodec<Request> = {
    encode: (message) => definition.requestSerialize(message),
    decode: () => {
      throw malformed('a request of etcd');
    },
  };
  const response: MessageCodec<Response> = {
    encode: () => {
      throw malformed('an answer to etcd');
    },
    decode: (bytes) => {
      try {
        return definition.responseDeserialize(bytes);
      } catch (caught) {
        throw malformed(caught instanceof Error ? caught.message : String(caught), caught);
      }
    },
  };
  return method(definition, request, response);
}

/** Only who talks to etcd loads its contract. */
export function loadEtcdMethods() {
  const options = { ...loaderOptions, includeDirs: [packageFiles.etcdDirectory] };
  const loaded: unknown = loadPackageDefinition(loadSync(['etcd.proto'], options));
  // The generator made the types from the file that is loaded here.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { KV, Lease, Maintenance, Watch } = (loaded as EtcdContract).etcdserverpb;
  return {
    range: clientMethod(KV.service.Range),
    transact: clientMethod(KV.service.Txn),
    grant: clientMethod(Lease.service.LeaseGrant),
    revoke: clientMethod(Lease.service.LeaseRevoke),
    keepAlive: clientMethod(Lease.service.LeaseKeepAlive),
    watch: clientMethod(Watch.service.Watch),
    status: clientMethod(Maintenance.service.Status),
  } as const;
}

export type EtcdMethods = ReturnType<typeof loadEtcdMethods>;
