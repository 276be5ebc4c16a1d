/**
 * The configuration file of one NATS server of a cluster that orders channels: JetStream on disk, and mutual TLS with
 * user keys for every client and every server.
 */

export type NatsServerConfig = {
  /** Unique in the cluster. */
  readonly name: string;
  readonly clusterName: string;
  /** "host:port" for orderers. */
  readonly listen: string;
  /** "host:port" for the other servers. */
  readonly clusterListen: string;
  /** "host:port" of every server's `clusterListen`, as the others reach it. A single server is no cluster. */
  readonly routes: readonly string[];
  readonly dataFolder: string;
  readonly tls?: NatsServerTls;
  /** Public keys ("U…") of the clients that may connect. Without any, everybody may who shows a certificate. */
  readonly clientKeys?: readonly string[];
  /** The largest message. Default 8 MiB, the most that NATS recommends. */
  readonly maxPayloadBytes?: number;
  /** How often messages are forced to the disk, e.g. "always". Only servers from 2.10 on know this line. */
  readonly syncInterval?: string;
};

/** Paths of PEM files. Every peer must show a certificate of this authority, servers and clients alike. */
export type NatsServerTls = { readonly ca: string; readonly cert: string; readonly key: string };

const MIB = 1024 * 1024;

export function natsServerConfig(config: NatsServerConfig): string {
  const { name, clusterName, listen, clusterListen, routes, dataFolder, tls, clientKeys } = config;
  const quoted = (text: string) => JSON.stringify(text);
  const scheme = tls === undefined ? "nats-route" : "tls";
  const tlsBlock =
    tls === undefined
      ? []
      : [
          "tls {",
          `  ca_file: ${quoted(tls.ca)}`,
          `  cert_file: ${quoted(tls.cert)}`,
          `  key_file: ${quoted(tls.key)}`,
          "  verify: true",
          "}",
        ];
  const users = (clientKeys ?? []).map(
    (key) => `    { nkey: ${key}, permissions: { publish: [${CLIENT_SUBJECTS}], subscribe: [${CLIENT_SUBJECTS}] } }`,
  );
  const cluster = [
    "cluster {",
    `  name: ${quoted(clusterName)}`,
    `  listen: ${quoted(clusterListen)}`,
    "  routes: [",
    ...routes.map((route) => `    ${quoted(`${scheme}://${route}`)}`),
    "  ]",
    ...tlsBlock.map((line) => `  ${line}`),
    "}",
  ];
  return [
    `server_name: ${quoted(name)}`,
    `listen: ${quoted(listen)}`,
    `max_payload: ${config.maxPayloadBytes ?? 8 * MIB}`,
    // A client that reads slowly is an orderer that catches up: it reads again what it missed.
    `max_pending: ${64 * MIB}`,
    "jetstream {",
    `  store_dir: ${quoted(dataFolder)}`,
    ...(config.syncInterval === undefined ? [] : [`  sync_interval: ${quoted(config.syncInterval)}`]),
    "}",
    ...tlsBlock,
    ...(users.length === 0 ? [] : ["authorization {", "  users: [", ...users, "  ]", "}"]),
    ...(routes.length < 2 ? [] : cluster),
    "",
  ].join("\n");
}

/** What an orderer needs: its streams, the stream API, and answers. */
const CLIENT_SUBJECTS = '"hansa.>", "$JS.API.>", "_INBOX.>"';
