/** What keeps an operation from being carried out for now. */
export type Obstacle =
  /** Nobody owns the key's slot yet. */
  | 'not-formed'
  /** The node that must answer is not connected. */
  | 'not-connected'
  /** The connection broke after the operation was sent, or its node could not carry it out. */
  | 'lost'
  /** The owner refuses the key and has no newer map. */
  | 'wrong-shard'
  /** The primary does not act as one (yet). */
  | 'not-primary'
  /** Nobody is as fresh as was asked for. */
  | 'too-stale'
  /** The shard has no room. */
  | 'busy'
  /** Too many writes of this client to this shard are unfinished. */
  | 'window-full';
