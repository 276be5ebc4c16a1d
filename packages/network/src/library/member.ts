import { createPrivateKey } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { CaError } from "@hansa/ca";
import { createSigner } from "@hansa/crypto";
import { HansaError } from "@hansa/primitives";
import { plainReason } from "@hansa/transport";
import type { ConnectOptions, Gateway } from "@hyperledger/fabric-gateway";
import type { ChannelDefinition } from "../config/network-config.js";
import { didYouMean } from "../config/suggest.js";
import { enrolUser, type NewUser, reenrolUser, revokeUser } from "../identity/enrol.js";
import { type Credentials, readIdentityFileSync, userFiles, writeUser } from "../identity/material.js";
import { authoritySpec, type CaSpec } from "../nodes/specs.js";
import type { Layout } from "../plan/layout.js";
import type { NetworkPlan, Organization, PlannedNode } from "../plan/plan.js";
import type { Ports } from "../plan/ports.js";

import { connectionProfile } from "./connection-profile.js";

const require = createRequire(import.meta.url);

const NO_PEER = "Give the member a peer with: hansa node create";

export type GatewayOptions = {
  /** A user of the member; the first one enrolled unless given. "Admin" is its administrator. */
  readonly user?: string;
  /** Which of the member's peers, by position; 0 unless given. */
  readonly peer?: number;
} & Partial<ConnectOptions>;

/** What a member's applications and tools need: where its nodes are, and as whom to speak to them. */
export class Member {
  readonly name: string;
  readonly mspId: string;
  readonly domain: string;
  readonly #organization: Organization;
  readonly #layout: Layout;
  readonly #plan: NetworkPlan;
  readonly #ports: Ports;
  readonly #channels: readonly ChannelDefinition[];
  readonly #opened: (close: () => void) => void;

  constructor(
    organization: Organization,
    layout: Layout,
    plan: NetworkPlan,
    ports: Ports,
    channels: readonly ChannelDefinition[],
    opened: (close: () => void) => void,
  ) {
    this.name = organization.name;
    this.mspId = organization.mspId;
    this.domain = organization.domain;
    this.#organization = organization;
    this.#layout = layout;
    this.#plan = plan;
    this.#ports = ports;
    this.#channels = channels;
    this.#opened = opened;
  }

  /** Everyone enrolled: the users of the network file, Admin, and who was enrolled later. */
  get users(): readonly string[] {
    const first = [...this.#organization.users, "Admin"];
    return [...first, ...this.#onDisk().filter((user) => !first.includes(user))];
  }

  /**
   * Enrols one more user at the member's authority, which must be running. `gateway({ user: name })` then acts as that
   * user, and a contract sees the attributes.
   * @throws HansaError USAGE, NODE_UNREACHABLE, MISSING_IDENTITY
   */
  async enrol(user: NewUser): Promise<void> {
    if (!/^[A-Za-z][A-Za-z0-9-]{0,39}$/.test(user.name))
      throw new HansaError("USAGE", `"${user.name}" cannot be a user's name.`, {
        nextStep: "Use letters, digits and hyphens, a letter first.",
      });
    const taken = this.#onDisk().find((known) => known.toLowerCase() === user.name.toLowerCase());
    if (taken !== undefined)
      throw new HansaError("USAGE", `${this.name} has a user "${taken}" already.`, {
        nextStep: "Give the new one another name.",
      });
    const { credentials, ...authorities } = await this.#atAuthority((spec) =>
      enrolUser(spec, this.#organization, user),
    );
    await writeUser(this.#layout, this.#organization, authorities, user.name, credentials);
  }

  /**
   * Gives a user new keys and certificates, as before the old ones expire. What was opened with the old ones goes on.
   * @throws HansaError MISSING_IDENTITY, USAGE when the authority no longer trusts the old certificate
   */
  async reenrol(user: string): Promise<void> {
    const name = this.userNamed(user);
    const files = userFiles(this.#layout, this.#organization, name);
    const { credentials, ...authorities } = await this.#atAuthority((spec) =>
      reenrolUser(spec, this.#organization, name, files),
    );
    await writeUser(this.#layout, this.#organization, authorities, name, credentials);
  }

  /**
   * Revokes every certificate of a user at the member's authority. Channels learn of it when the returned revocation
   * list is put into their configuration: `network.updateChannel(channel, (config) => withRevocationList(…))`.
   * @throws HansaError MISSING_IDENTITY, USAGE, NODE_UNREACHABLE
   */
  async revoke(user: string): Promise<{ readonly revocationListPem: string }> {
    const name = this.userNamed(user);
    const revocationListPem = await this.#atAuthority((spec) => revokeUser(spec, this.#organization, name));
    return { revocationListPem };
  }

  /**
   * Keeps what an authority certified as a user of this machine, whose keys nobody else has.
   * @throws HansaError USAGE when its name cannot be a folder's
   */
  async keep(user: string, credentials: Credentials): Promise<void> {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(user))
      throw new HansaError("USAGE", `"${user}" cannot be the name of a user's folder.`, {
        nextStep: "Use letters, digits, dots, hyphens and underscores.",
      });
    const { kind, domain } = this.#organization;
    const folder = this.#layout.organization(kind, domain);
    const caCertPem = readIdentityFileSync(path.join(folder, "ca", `ca.${domain}-cert.pem`));
    const authorities = { caCertPem, tlsCaCertPem: readIdentityFileSync(this.tlsRootFile) };
    await writeUser(this.#layout, this.#organization, authorities, user, credentials);
  }

  get peers(): readonly { id: string; host: string; address: string }[] {
    return this.#nodes("peer").map((node) => ({ id: node.id, host: node.host, address: this.#address(node) }));
  }

  /** Of fabric-ca's REST API, over HTTPS. */
  get caAddress(): string {
    return this.#address(this.#nodes("ca")[0]!);
  }

  /** Who registers others at the authority, and the file with the secret that enrols it. */
  get caRegistrar(): { readonly id: string; readonly secretFile: string } {
    const spec = authoritySpec(this.#organization, this.#plan, this.#layout, this.#ports);
    return { id: spec.registrar, secretFile: spec.registrarSecretFile };
  }

  get tlsRootFile(): string {
    return path.join(this.#layout.organization("peer", this.domain), "tlsca", `tlsca.${this.domain}-cert.pem`);
  }

  /**
   * The user's name as written in its folder, whatever the case it was asked for in.
   * @throws HansaError MISSING_IDENTITY
   */
  userNamed(name: string): string {
    const known = this.#onDisk();
    const found = known.find((user) => user.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return found;
    throw new HansaError("MISSING_IDENTITY", `${this.name} has no user "${name}".${didYouMean(name, known)}`, {
      nextStep: `Use one of: ${known.join(", ")}.`,
    });
  }

  /** Folder of a user's MSP. @throws HansaError MISSING_IDENTITY for an unknown user */
  mspFolder(user: string): string {
    return userFiles(this.#layout, this.#organization, this.userNamed(user)).mspFolder;
  }

  /**
   * A connected gateway of Fabric's own client library, signing with the user's key. `close` also closes its connection.
   * @throws HansaError MISSING_IDENTITY
   */
  gateway(options: GatewayOptions = {}): Gateway {
    const sdk = require("@hyperledger/fabric-gateway") as typeof import("@hyperledger/fabric-gateway");
    const grpc = require("@grpc/grpc-js") as typeof import("@grpc/grpc-js");
    const { user, peer: position = 0, ...connectOptions } = options;
    const files = userFiles(this.#layout, this.#organization, this.userNamed(user ?? this.users[0]!));
    const peer = this.peers[position];
    if (peer === undefined)
      throw new HansaError(
        "UNKNOWN_NODE",
        `${this.name} has ${this.peers.length} peers; there is no peer ${position}.`,
        this.peers.length === 0 ? { nextStep: NO_PEER } : {},
      );
    const signer = createSigner(createPrivateKey(readIdentityFileSync(files.keyFile)));
    const client = new grpc.Client(
      peer.address,
      grpc.credentials.createSsl(Buffer.from(readIdentityFileSync(this.tlsRootFile))),
      {
        "grpc.ssl_target_name_override": peer.host,
      },
    );
    const gateway = sdk.connect({
      client,
      identity: { mspId: this.mspId, credentials: Buffer.from(readIdentityFileSync(files.certFile)) },
      // The signer hashes the whole message itself, natively; the library's own signer does it in JavaScript.
      hash: sdk.hash.none,
      signer: async (message) => signer.sign(message),
      ...connectOptions,
    });
    const closeGateway = gateway.close.bind(gateway);
    const close = () => {
      closeGateway();
      client.close();
    };
    gateway.close = close;
    this.#opened(close);
    return gateway;
  }

  /** A connection profile as Fabric's SDKs read it. */
  connectionProfile(): Record<string, unknown> {
    return connectionProfile({
      organization: this.#organization,
      plan: this.#plan,
      layout: this.#layout,
      ports: this.#ports,
      channels: this.#channels,
    });
  }

  /**
   * Variables for Fabric's `peer` and `osnadmin` commands, named as Fabric's samples name them.
   * @param ordererId the orderer that they name; the network's first unless given
   */
  env(user = "Admin", ordererId?: string): Record<string, string> {
    const peer = this.peers[0];
    if (peer === undefined)
      throw new HansaError("UNKNOWN_NODE", `${this.name} has no peer that Fabric's commands could use.`, {
        nextStep: NO_PEER,
      });
    const { kind, domain } = this.#organization;
    const ordering = this.#plan.organizations.find((organization) => organization.kind === "orderer")!;
    const orderers = this.#plan.nodes.filter((node) => node.kind === "orderer");
    const orderer = orderers.find(({ id }) => id === ordererId) ?? orderers[0]!;
    const ordererTls = path.join(this.#layout.nodeIdentity("orderer", ordering.domain, orderer.host), "tls");
    const asUser = userFiles(this.#layout, this.#organization, this.users[0]!);
    return {
      FABRIC_CFG_PATH: this.#layout.peerCliConfig,
      CORE_PEER_TLS_ENABLED: "true",
      CORE_PEER_LOCALMSPID: this.mspId,
      CORE_PEER_MSPCONFIGPATH: this.mspFolder(user),
      CORE_PEER_ADDRESS: peer.address,
      CORE_PEER_TLS_ROOTCERT_FILE: path.join(this.#layout.nodeIdentity(kind, domain, peer.host), "tls", "ca.crt"),
      ORDERER_ADDRESS: this.#address(orderer),
      ORDERER_HOST: orderer.host,
      ORDERER_CA: path.join(
        this.#layout.organization("orderer", ordering.domain),
        "tlsca",
        `tlsca.${ordering.domain}-cert.pem`,
      ),
      ORDERER_ADMIN_ADDRESS: `127.0.0.1:${this.#ports[orderer.id]!.adminPort}`,
      ORDERER_ADMIN_TLS_SIGN_CERT: path.join(ordererTls, "server.crt"),
      ORDERER_ADMIN_TLS_PRIVATE_KEY: path.join(ordererTls, "server.key"),
      // What the applications of Fabric's samples read; they act as a user, not as the administrator.
      MSP_ID: this.mspId,
      PEER_ENDPOINT: peer.address,
      PEER_HOST_ALIAS: peer.host,
      CRYPTO_PATH: this.#layout.organization(kind, domain),
      KEY_DIRECTORY_PATH: path.dirname(asUser.keyFile),
      CERT_DIRECTORY_PATH: path.dirname(asUser.certFile),
      CERT_PATH: asUser.certFile,
      TLS_CERT_PATH: path.join(this.#layout.nodeIdentity(kind, domain, peer.host), "tls", "ca.crt"),
    };
  }

  async #atAuthority<T>(work: (authority: CaSpec) => Promise<T>): Promise<T> {
    try {
      return await work(authoritySpec(this.#organization, this.#plan, this.#layout, this.#ports));
    } catch (cause) {
      if (!(cause instanceof CaError)) throw cause;
      if (cause.fault === "UNAVAILABLE")
        throw new HansaError(
          "NODE_UNREACHABLE",
          `The authority of ${this.name} does not answer: ${plainReason(cause.message)}.`,
          {
            cause,
            nextStep: "See what the nodes are doing with: hansa status",
          },
        );
      throw new HansaError("USAGE", `The authority of ${this.name} refuses: ${cause.message}.`, {
        cause,
        nextStep: cause.nextStep,
      });
    }
  }

  #nodes(kind: "peer" | "ca"): PlannedNode[] {
    return this.#plan.nodes.filter((node) => node.kind === kind && node.organization.name === this.name);
  }

  #address(node: PlannedNode): string {
    return `127.0.0.1:${this.#ports[node.id]!.port}`;
  }

  #onDisk(): string[] {
    const folder = path.join(this.#layout.organization("peer", this.domain), "users");
    if (!existsSync(folder)) return [];
    return readdirSync(folder).map((name) => name.slice(0, name.lastIndexOf("@")));
  }
}
