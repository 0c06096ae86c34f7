import { ByteCalls } from './byte-calls.ts';
import { CallContext, type ClientParts } from './call-context.ts';
import type { KeyspaceSource } from './client.ts';
import type { ByteKeyspace, Keyspace } from './keyspace.ts';
import { KeyspaceScope } from './keyspace-scope.ts';
import type { SessionView } from './session-view.ts';
import { TypedCalls } from './typed-calls.ts';
import type { BytesKeyspaceOptions, KeyspaceOptions, TextKeyspaceOptions } from './value-codec.ts';
import { type AnyKeyspaceOptions, ValueCoder } from './value-coder.ts';

/** The calls of a keyspace, from which those of others can be had: what the client and its sessions are. */
export abstract class RootCalls extends ByteCalls implements KeyspaceSource {
  protected readonly parts: ClientParts;

  constructor(parts: ClientParts, scope: KeyspaceScope, session: SessionView | undefined) {
    super(new CallContext(parts, scope, session));
    this.parts = parts;
  }

  keyspace(name: string): ByteKeyspace;
  keyspace<Item extends string = string>(name: string, options: TextKeyspaceOptions<Item>): Keyspace<Item>;
  keyspace(name: string, options: BytesKeyspaceOptions): Keyspace<Uint8Array>;
  keyspace<Item>(name: string, options: KeyspaceOptions<Item>): Keyspace<Item>;
  keyspace(name: string, options?: AnyKeyspaceOptions): unknown {
    const bytes = new ByteCalls(new CallContext(this.parts, new KeyspaceScope(name), this.context.session));
    return options === undefined ? bytes : new TypedCalls(bytes, new ValueCoder(options));
  }
}
