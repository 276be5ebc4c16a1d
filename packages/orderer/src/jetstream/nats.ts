/**
 * Streams of NATS JetStream. One connection for all channels of a node.
 *
 * Messages come by the stream's republishing, and by direct reads where some were missed. Neither needs a consumer on
 * the servers, so that reading goes on while the servers elect a leader.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Bytes, fromUtf8, HansaError, type Logger, messageOf } from "@hansa/primitives";
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type NatsConnection,
  type NodeConnectionOptions,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from "@nats-io/transport-node";
import { DEFAULT_REPLICAS, type JetStreamSettings, type NatsCredentials } from "./settings.js";
import type { SharedStream, StreamBounds, StreamFollower, StreamSource } from "./shared-stream.js";

/** How long one request may take before it is made again, to another server perhaps. */
const REQUEST_TIMEOUT_MS = 1_000;
const RECONNECT_WAIT_MS = 200;
const PING_INTERVAL_MS = 1_500;
/** For headers and what the protocol adds. */
const ENVELOPE_BYTES = 1_024;
const DUPLICATE_WINDOW_NS = 120e9;
/** Error code of the JetStream API: there is no such stream. */
const STREAM_NOT_FOUND = 10_059;

export class NatsStreams implements StreamSource {
  readonly #settings: JetStreamSettings;
  readonly #name: string;
  readonly #logger: Logger;
  #connection: Promise<NatsConnection> | undefined;
  #closed = false;

  /** @param name what the servers show this client as */
  constructor(settings: JetStreamSettings, name: string, logger: Logger) {
    this.#settings = settings;
    this.#name = name;
    this.#logger = logger;
  }

  async open(strandId: string, what: string): Promise<SharedStream> {
    const connection = await this.#connected();
    const manager = await jetstreamManager(connection, { timeout: REQUEST_TIMEOUT_MS, checkAPI: false });
    const stream = new NatsStream(connection, manager, strandId);
    await this.#make(manager, stream, what);
    return stream;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  async #make(manager: JetStreamManager, stream: NatsStream, what: string): Promise<void> {
    const replicas = this.#settings.replicas ?? DEFAULT_REPLICAS;
    const found = await manager.streams.info(stream.name).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (found === undefined) {
      await manager.streams.add({
        name: stream.name,
        description: `order of ${what}`,
        subjects: [stream.subject],
        storage: "file",
        num_replicas: replicas,
        retention: "limits",
        discard: "new",
        duplicate_window: DUPLICATE_WINDOW_NS,
        allow_direct: true,
        deny_delete: true,
        deny_purge: true,
        republish: { src: stream.subject, dest: stream.followSubject },
      });
      this.#logger.info("stream made", { of: what, stream: stream.name, replicas });
      return;
    }
    const { num_replicas: kept, allow_direct: direct, republish } = found.config;
    if (!direct || republish?.dest !== stream.followSubject) {
      throw new HansaError("STREAM_UNFIT", `stream ${stream.name} is there but was made for something else`, {
        nextStep: "let the orderer make the stream itself: it needs direct reads and republishing",
      });
    }
    if (kept !== replicas) {
      this.#logger.warn("stream kept on another number of servers than asked for", {
        stream: stream.name,
        asked: replicas,
        found: kept,
      });
    }
  }

  async #connected(): Promise<NatsConnection> {
    if (this.#closed) throw new HansaError("STREAM_CLOSED", "the connection to the NATS servers is closed");
    this.#connection ??= this.#connect();
    try {
      return await this.#connection;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  async #connect(): Promise<NatsConnection> {
    const { servers, tls, credentials } = this.#settings;
    const options: NodeConnectionOptions = {
      servers: [...servers],
      name: this.#name,
      timeout: REQUEST_TIMEOUT_MS * 2,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      reconnectJitter: RECONNECT_WAIT_MS,
      reconnectJitterTLS: RECONNECT_WAIT_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: 2,
      // Only the servers that the operator named: others may be told by addresses that mean nothing here.
      ignoreClusterUpdates: true,
      // Makes no stack trace for each publish in case that it fails: nobody reads it.
      noAsyncTraces: true,
    };
    if (tls !== undefined) {
      const own = tls.certPem === undefined ? {} : { cert: tls.certPem, key: tls.keyPem ?? "" };
      options.tls = { ca: tls.caPem, ...own };
    }
    if (credentials !== undefined) options.authenticator = authenticatorOf(credentials);
    const connection = await connect(options);
    this.#logger.info("connected to NATS", { server: connection.getServer() });
    void this.#report(connection);
    return connection;
  }

  async #report(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") this.#logger.warn("connection to NATS lost", { server: status.server });
      else if (status.type === "reconnect") this.#logger.info("connected to NATS again", { server: status.server });
      else if (status.type === "error") this.#logger.warn("NATS reports an error", { reason: messageOf(status.error) });
    }
    // Closed for good, e.g. because the servers refused the credentials: the next use connects anew.
    if (!this.#closed) this.#connection = undefined;
  }
}

class NatsStream implements SharedStream {
  readonly name: string;
  readonly subject: string;
  readonly followSubject: string;
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;

  constructor(connection: NatsConnection, manager: JetStreamManager, strandId: string) {
    this.name = `hansa_${strandId}`;
    this.subject = `hansa.order.${strandId}`;
    this.followSubject = `hansa.ordered.${strandId}`;
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection, { timeout: REQUEST_TIMEOUT_MS });
  }

  get maxMessageBytes(): number {
    return (this.#connection.info?.max_payload ?? 1024 * 1024) - ENVELOPE_BYTES;
  }

  async publish(message: Bytes, id: string, timeoutMs = REQUEST_TIMEOUT_MS): Promise<number> {
    const options = { msgID: id, timeout: timeoutMs, retries: 0 };
    const { seq } = await this.#client.publish(this.subject, message, options);
    return seq;
  }

  async read(sequence: number): Promise<Bytes | undefined> {
    const stored = await this.#manager.direct.getMessage(this.name, { seq: sequence });
    return stored === null || stored.seq !== sequence ? undefined : stored.data;
  }

  async bounds(): Promise<StreamBounds> {
    try {
      const { state } = await this.#manager.streams.info(this.name);
      return { first: state.first_seq, last: state.last_seq };
    } catch (error) {
      // Gone, with all its messages: whoever has some of them brings them back.
      if (isNotFound(error)) return { first: 1, last: 0 };
      throw error;
    }
  }

  follow(follower: StreamFollower): () => void {
    let isOver = false;
    const subscription = this.#connection.subscribe(this.followSubject, {
      callback: (error, message) => {
        if (error !== null || isOver) return;
        const sequence = Number(message.headers?.get("Nats-Sequence"));
        if (Number.isSafeInteger(sequence) && sequence > 0) follower.message(sequence, message.data);
      },
    });
    const watch = async () => {
      for await (const { type } of this.#connection.status()) {
        if (isOver) return;
        if (type === "reconnect") follower.reconnected();
      }
    };
    void watch();
    return () => {
      isOver = true;
      if (!subscription.isClosed()) subscription.unsubscribe();
    };
  }
}

function isNotFound(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === STREAM_NOT_FOUND;
}

function authenticatorOf(credentials: NatsCredentials): Authenticator {
  if ("nkeySeed" in credentials) return nkeyAuthenticator(fromUtf8(credentials.nkeySeed));
  if ("creds" in credentials) return credsAuthenticator(fromUtf8(credentials.creds));
  return usernamePasswordAuthenticator(credentials.user, credentials.password);
}

/** Tries until it succeeds or `isOver`. @returns undefined when it was over first */
export async function keepTrying<T>(
  attempt: () => Promise<T>,
  { isOver, waitMs, failed }: { isOver: () => boolean; waitMs: number; failed: (error: unknown) => void },
): Promise<T | undefined> {
  while (!isOver()) {
    try {
      return await attempt();
    } catch (error) {
      if (isOver()) return undefined;
      failed(error);
      await pause(waitMs);
    }
  }
  return undefined;
}
