import { EdisError, limits } from '@edis/core';
import type { ChannelOptions, ClientUnaryCall } from '@grpc/grpc-js';
import { Client, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import { ClientStream, FailedStream } from './client-stream.ts';
import type { MessageStream } from './message-stream.ts';
import type { Method } from './methods.ts';
import { errorOfStatus } from './status.ts';

/**
 * The lazy connection to one address.
 *
 * Guarantees: streams and calls to an address that nobody answers fail with 'unreachable' at once when the connection
 * is refused, after `connectTimeoutMs` when nothing comes back at all. Each attempt after a failed one really tries:
 * callers do their own backing off, and gRPC's would only hide from them that the node is back.
 */

const defaultConnectTimeoutMs = 3000;
const defaultKeepaliveMs = 10_000;
/** A container that comes back has a new address under its old name. */
const minTimeBetweenResolutionsMs = 500;
const minReconnectBackoffMs = 100;
const maxReconnectBackoffMs = 1000;

export interface GrpcConnectionOptions {
  /** How long an attempt to connect may take. */
  readonly connectTimeoutMs?: number;
  /**
   * How often the peer must show that it lives; one that is gone without a word is noticed after twice that.
   * @default 10 s, for streams that have a heartbeat of their own or can wait
   */
  readonly keepaliveMs?: number;
  /** Only for bulk receivers: how much the peer may send ahead. */
  readonly flowControlWindowBytes?: number;
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

function channelOptions(options: GrpcConnectionOptions): ChannelOptions {
  const window = options.flowControlWindowBytes;
  const keepaliveMs = options.keepaliveMs ?? defaultKeepaliveMs;
  return {
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.max_send_message_length': limits.maxMessageBytes,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': minReconnectBackoffMs,
    'grpc.min_reconnect_backoff_ms': minReconnectBackoffMs,
    'grpc.max_reconnect_backoff_ms': maxReconnectBackoffMs,
    'grpc.dns_min_time_between_resolutions_ms': minTimeBetweenResolutionsMs,
    // A connection belongs to one channel: bulk data of one must not hold up another's heartbeats.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_channelz': 0,
    'grpc.enable_retries': 0,
    // Nodes of a cluster are reached directly, whatever the environment says about proxies; nor do they publish
    // settings in DNS.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    ...(window === undefined ? {} : { 'grpc-node.flow_control_window': window }),
  };
}

export class GrpcConnection {
  readonly address: string;
  readonly #connectTimeoutMs: number;
  readonly #options: ChannelOptions;
  /** What ends when the connection is closed. */
  readonly #open = new Set<Cancellable>();
  #client: Client | undefined = undefined;
  #closed = false;

  constructor(address: string, options: GrpcConnectionOptions = {}) {
    this.address = address;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
    this.#options = channelOptions(options);
  }

  /** A stream of answers to one request. */
  readable<Request, In>(
    { definition, request, response }: Method<Request, In>,
    message: Request,
  ): MessageStream<never, In> {
    return this.#stream((client) => {
      const { path, requestSerialize, responseDeserialize } = definition;
      const argument = request.encode(message);
      const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, argument);
      return ClientStream.readable(call, response, this.address);
    });
  }

  /** `headers`: metadata of the call. */
  duplex<Out, In>(
    { definition, request, response }: Method<Out, In>,
    headers: Readonly<Record<string, string>> = {},
  ): MessageStream<Out, In> {
    return this.#stream((client) => {
      const { path, requestSerialize, responseDeserialize } = definition;
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
      return ClientStream.duplex(call, request, response, this.address);
    });
  }

  /** Connects if that has not happened, and goes on trying until the time is over. */
  async waitReady(timeoutMs: number): Promise<void> {
    const client = this.#connected();
    const failure = await new Promise<Error | undefined>((resolve) => {
      client.waitForReady(Date.now() + timeoutMs, resolve);
    });
    if (failure === undefined) return;
    if (this.#closed) throw this.#closedError();
    throw new EdisError('unreachable', `${this.address} is unreachable: no connection within ${timeoutMs} ms`);
  }

  /** Ends the connection; open streams and calls end with the reason. */
  close(reason: EdisError = this.#closedError()): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const open of [...this.#open]) open.cancel(reason);
    this.#client?.close();
    this.#client = undefined;
  }

  #closedError(): EdisError {
    return new EdisError('closed', `the connection to ${this.address} was closed`);
  }

  #connected(): Client {
    if (this.#closed) throw this.#closedError();
    const current = this.#client;
    if (current !== undefined) {
      if (current.getChannel().getConnectivityState(false) !== connectivityState.TRANSIENT_FAILURE) return current;
      current.close();
    }
    const client = new Client(this.address, credentials.createInsecure(), this.#options);
    this.#client = client;
    return client;
  }

  #stream<Out, In>(start: (client: Client) => ClientStream<Out, In>): MessageStream<Out, In> {
    let client: Client;
    try {
      client = this.#connected();
    } catch (caught) {
      return new FailedStream<Out, In>(this.address, EdisError.from(caught, 'usage'));
    }
    const stream = start(client);
    stream.onFinished = this.#guard(client, stream);
    return stream;
  }

  async call<Request, Response>(
    { definition, request, response }: Method<Request, Response>,
    message: Request,
    { timeoutMs, signal }: CallOptions,
  ): Promise<Response> {
    if (signal?.aborted === true) throw this.#abortedError();
    const client = this.#connected();
    const pending = new PendingCall();
    const settled = this.#guard(client, pending);
    const abort = () => pending.cancel(this.#abortedError());
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const bytes = await pending.start((callback) =>
        client.makeUnaryRequest(
          definition.path,
          definition.requestSerialize,
          definition.responseDeserialize,
          request.encode(message),
          new Metadata(),
          { deadline: Date.now() + timeoutMs },
          (error, answer) => callback(error === null ? undefined : errorOfStatus(error, this.address), answer),
        ),
      );
      return response.decode(bytes);
    } finally {
      signal?.removeEventListener('abort', abort);
      settled();
    }
  }

  #abortedError(): EdisError {
    return new EdisError('aborted', `the call to ${this.address} was aborted by its caller`);
  }

  /** Ends what waits for a connection too long; returns what to call when it is over. */
  #guard(client: Client, open: Cancellable): () => void {
    this.#open.add(open);
    const timer = this.#isReady(client)
      ? undefined
      : setTimeout(() => this.#connectTimeout(client, open), this.#connectTimeoutMs);
    return () => {
      clearTimeout(timer);
      this.#open.delete(open);
    };
  }

  #isReady(client: Client): boolean {
    return client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  #connectTimeout(client: Client, open: Cancellable): void {
    const state = client.getChannel().getConnectivityState(false);
    // Idle: it was connected meanwhile, and the server has asked for no more calls.
    if (state === connectivityState.READY || state === connectivityState.IDLE) return;
    open.cancel(
      new EdisError('unreachable', `${this.address} is unreachable: no connection within ${this.#connectTimeoutMs} ms`),
    );
    // The attempt may hang for minutes; the next one starts afresh.
    if (this.#client === client) this.#client = undefined;
    client.close();
  }
}

interface Cancellable {
  cancel(error: EdisError): void;
}

/** A unary call that can be ended with an error of our own. */
class PendingCall {
  #call: ClientUnaryCall | undefined = undefined;
  #reject: ((error: EdisError) => void) | undefined = undefined;

  start(
    begin: (callback: (error: EdisError | undefined, answer: Buffer | undefined) => void) => ClientUnaryCall,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#call = begin((error, answer) => {
        if (answer === undefined) reject(error ?? new EdisError('internal', 'an answer without a message'));
        else resolve(answer);
      });
    });
  }

  cancel(error: EdisError): void {
    this.#reject?.(error);
    this.#call?.cancel();
  }
}
