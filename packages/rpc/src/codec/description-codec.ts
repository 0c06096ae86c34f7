import type { ClusterDescription, NodeReport, StoreId } from '@edis/core';
import { contract } from '../contract.ts';
import type {
  DescribeClusterResponse,
  DescribeClusterResponseInput,
} from '../generated/edis/v1/DescribeClusterResponse.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { reportFromWire, reportToWire } from './session-codec.ts';
import { topologyFromWire, topologyToWire } from './topology-codec.ts';
import { present } from './wire-checks.ts';

function descriptionToWire(description: ClusterDescription): DescribeClusterResponseInput {
  return {
    topology: topologyToWire(description.topology),
    reports: [...description.reports].map(([store, report]) => ({ store, report: reportToWire(report) })),
    waitsFor: [...description.waitsFor],
  };
}

function descriptionFromWire(wire: DescribeClusterResponse): ClusterDescription {
  const reports = new Map<StoreId, NodeReport>();
  for (const { store, report } of wire.reports) {
    if (report !== null) reports.set(store, reportFromWire(report));
  }
  return {
    topology: topologyFromWire(present(wire.topology, 'DescribeClusterResponse.topology')),
    reports,
    waitsFor: wire.waitsFor,
  };
}

/** What InfoService.DescribeCluster answers. */
export const descriptionCodec = new LoadedCodec(
  contract.DescribeClusterResponse,
  descriptionToWire,
  descriptionFromWire,
);
