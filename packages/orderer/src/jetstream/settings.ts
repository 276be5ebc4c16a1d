/** How an orderer reaches the NATS servers. */
import { HansaError } from "@hansa/primitives";

export type JetStreamSettings = {
  /** "nats://host:port" or "tls://host:port", one or more of the cluster. */
  readonly servers: readonly string[];
  /** On how many servers each message is kept: 1, 3 or 5. Default 3. */
  readonly replicas?: number;
  /** Servers must show a certificate of `caPem`; `certPem` and `keyPem` are shown to them. */
  readonly tls?: { readonly caPem: string; readonly certPem?: string; readonly keyPem?: string };
  readonly credentials?: NatsCredentials;
};

export type NatsCredentials =
  /** The seed of an Ed25519 user key, as `nk -gen user` makes it: "SU…". */
  | { readonly nkeySeed: string }
  /** The contents of a .creds file. */
  | { readonly creds: string }
  | { readonly user: string; readonly password: string };

export const DEFAULT_REPLICAS = 3;
const SERVER = /^(nats|tls):\/\/[^\s/@]+:\d{1,5}$/;

/** @throws HansaError ORDERER_CONFIG naming the field, the value found and the values allowed */
export function checkSettings({ servers, replicas, tls }: JetStreamSettings): void {
  if (servers.length === 0) throw wrong("ordering.servers", servers, "one or more server URLs");
  for (const server of servers) {
    if (!SERVER.test(server)) throw wrong("ordering.servers", server, '"nats://host:port" or "tls://host:port"');
    if (server.startsWith("tls:") && tls === undefined) {
      throw wrong("ordering.tls", undefined, `present, because ${server} speaks TLS`);
    }
  }
  if (replicas !== undefined && ![1, 3, 5].includes(replicas)) throw wrong("ordering.replicas", replicas, "1, 3 or 5");
}

function wrong(field: string, found: unknown, allowed: string): HansaError {
  return new HansaError("ORDERER_CONFIG", `${field} is ${JSON.stringify(found)}; it must be ${allowed}`, {
    nextStep: "correct the orderer's configuration",
  });
}
