/**
 * Streams of NATS JetStream. One connection for all channels of a node.
 *
 * Messages come by the stream's republishing, and by direct reads where some were missed. Neither needs a consumer on
 * the servers, so that reading goes on while the servers elect a leader.
 */
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
import { isNotFound, natsError } from "./nats-error.js";
import { DEFAULT_REPLICAS, type JetStreamSettings, type NatsCredentials } from "./settings.js";
import type { SharedStream, StreamBounds, StreamFollower, StreamSource } from "./shared-stream.js";
import { checkStream, namesOf, type StreamNames } from "./stream-config.js";

/** How long one request may take before it is made again, to another server perhaps. */
const REQUEST_TIMEOUT_MS = 1_000;
const RECONNECT_WAIT_MS = 200;
const PING_INTERVAL_MS = 1_500;
/** For headers and what the protocol adds. */
const ENVELOPE_BYTES = 1_024;
const DUPLICATE_WINDOW_NS = 120e9;

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

  async open(id: string, what: string): Promise<SharedStream> {
    const manager = await this.#manager();
    return (await this.#find(manager, id)) ?? (await this.#make(manager, id, what));
  }

  async find(id: string): Promise<SharedStream | undefined> {
    return this.#find(await this.#manager(), id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  async #manager(): Promise<Manager> {
    const connection = await this.#connected();
    return { connection, api: await jetstreamManager(connection, { timeout: REQUEST_TIMEOUT_MS, checkAPI: false }) };
  }

  async #find({ connection, api }: Manager, id: string): Promise<NatsStream | undefined> {
    const names = namesOf(id);
    const found = await api.streams.info(names.stream).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw natsError(error, this.#settings);
    });
    if (found === undefined) return undefined;
    const { config } = found;
    checkStream(config, names);
    const asked = this.#settings.replicas ?? DEFAULT_REPLICAS;
    if (config.num_replicas !== asked) {
      const given = { stream: names.stream, asked, found: config.num_replicas };
      this.#logger.warn("stream kept on another number of servers than asked for", given);
    }
    return new NatsStream(connection, api, id, config.max_msg_size);
  }

  async #make({ connection, api }: Manager, id: string, what: string): Promise<NatsStream> {
    const replicas = this.#settings.replicas ?? DEFAULT_REPLICAS;
    const { stream, subject, followSubject } = namesOf(id);
    try {
      await api.streams.add({
        name: stream,
        description: `order of ${what}`,
        subjects: [subject],
        storage: "file",
        num_replicas: replicas,
        retention: "limits",
        discard: "new",
        duplicate_window: DUPLICATE_WINDOW_NS,
        allow_direct: true,
        deny_delete: true,
        deny_purge: true,
        republish: { src: subject, dest: followSubject },
      });
    } catch (error) {
      throw natsError(error, this.#settings);
    }
    this.#logger.info("stream made", { of: what, stream, replicas });
    return new NatsStream(connection, api, id);
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
    const connection = await connect(options).catch((error: unknown) => {
      throw natsError(error, this.#settings);
    });
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

type Manager = { readonly connection: NatsConnection; readonly api: JetStreamManager };

class NatsStream implements SharedStream {
  readonly id: string;
  readonly #names: StreamNames;
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  readonly #maxMessageBytes: number;

  /** @param maxMessageBytes as the stream limits it; -1 when it does not */
  constructor(connection: NatsConnection, manager: JetStreamManager, id: string, maxMessageBytes = -1) {
    this.id = id;
    this.#names = namesOf(id);
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection, { timeout: REQUEST_TIMEOUT_MS });
    this.#maxMessageBytes = maxMessageBytes > 0 ? maxMessageBytes : Number.POSITIVE_INFINITY;
  }

  get maxMessageBytes(): number {
    const ofServers = this.#connection.info?.max_payload ?? 1024 * 1024;
    return Math.min(ofServers, this.#maxMessageBytes) - ENVELOPE_BYTES;
  }

  async publish(message: Bytes, id: string, timeoutMs = REQUEST_TIMEOUT_MS): Promise<number> {
    const options = { msgID: id, timeout: timeoutMs, retries: 0 };
    try {
      const { seq } = await this.#client.publish(this.#names.subject, message, options);
      return seq;
    } catch (error) {
      throw natsError(error, { servers: [this.#connection.getServer()] });
    }
  }

  async read(sequence: number): Promise<Bytes | undefined> {
    const stored = await this.#manager.direct.getMessage(this.#names.stream, { seq: sequence });
    return stored === null || stored.seq !== sequence ? undefined : stored.data;
  }

  async bounds(): Promise<StreamBounds> {
    try {
      const { state } = await this.#manager.streams.info(this.#names.stream);
      return { first: state.first_seq, last: state.last_seq };
    } catch (error) {
      // Whoever has some of its messages brings them back.
      if (isNotFound(error)) return { first: 1, last: 0, isGone: true };
      throw error;
    }
  }

  follow(follower: StreamFollower): () => void {
    let isOver = false;
    const subscription = this.#connection.subscribe(this.#names.followSubject, {
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

function authenticatorOf(credentials: NatsCredentials): Authenticator {
  if ("nkeySeed" in credentials) return nkeyAuthenticator(fromUtf8(credentials.nkeySeed));
  if ("creds" in credentials) return credsAuthenticator(fromUtf8(credentials.creds));
  return usernamePasswordAuthenticator(credentials.user, credentials.password);
}
