import type { ClientParts } from './call-context.ts';
import type { Session } from './client.ts';
import type { KeyspaceScope } from './keyspace-scope.ts';
import { RootCalls } from './root-calls.ts';
import type { SessionView } from './session-view.ts';

/** A session over the connections of a client. */
export class OpenSession extends RootCalls implements Session {
  readonly #view: SessionView;

  constructor(parts: ClientParts, scope: KeyspaceScope, view: SessionView) {
    super(parts, scope, view);
    this.#view = view;
  }

  get token(): string {
    return this.#view.token;
  }
}
