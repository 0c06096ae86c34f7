import type { ClusterState } from './cluster-state.ts';
import type { EdisError } from './error.ts';
import type { InfoMessage, KeyspaceReply } from './node-message.ts';
import type { Topology, TopologyDelta } from './topology.ts';

/** The shell's number for one session stream, never used twice. */
export type SessionId = number;

/** The shell's number for one request about keyspaces, never used twice. */
export type KeyspaceRequestId = number;

export type ClusterEffect =
  /** Make this state durable before anything that follows. */
  | { readonly kind: 'persist'; readonly state: ClusterState }
  | { readonly kind: 'send'; readonly session: SessionId; readonly message: InfoMessage }
  /** End the stream after what was sent; with the error if there is one. */
  | { readonly kind: 'end-session'; readonly session: SessionId; readonly error: EdisError | undefined }
  /** The answer to a request about keyspaces. */
  | { readonly kind: 'reply'; readonly request: KeyspaceRequestId; readonly reply: KeyspaceReply }
  /** To everybody who has the map before; who lags gets the whole `topology` later instead. */
  | { readonly kind: 'broadcast'; readonly delta: TopologyDelta; readonly topology: Topology };
