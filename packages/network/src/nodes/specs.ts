import path from "node:path";
import type { Layout } from "../plan/layout.js";
import type { NetworkPlan, NodePorts, Organization, PlannedNode } from "../plan/plan.js";
import type { Ports } from "../plan/ports.js";
import { tlsFilesOf } from "./nats-spec.js";
import type { NetworkParts } from "./network-parts.js";

/** What the launcher tells a node: paths and ports, as JSON. Keys stay in their files; the node reads them itself. */
export type CaSpec = {
  readonly id: string;
  readonly host: string;
  /** In its certificate besides its own. */
  readonly extraHosts: readonly string[];
  readonly domain: string;
  readonly dataFolder: string;
  /** Where the network itself speaks to it. */
  readonly address: string;
  /** fabric-ca's REST API, for clients. */
  readonly restAddress: string;
  /** By which clients may call it, besides ca.<domain>. */
  readonly otherNames: readonly string[];
  /** Affiliations that it knows from its first start on. */
  readonly affiliations: readonly string[];
  /** Enrolment id of the identity that registers others, and the file with its secret. */
  readonly registrar: string;
  readonly registrarSecretFile: string;
  readonly operations: OperationsSpec | undefined;
};

/** Where a node answers about itself, and whether over TLS. */
export type OperationsSpec = { readonly address: string; readonly tls: boolean };

export type ServerSpec = {
  readonly id: string;
  readonly host: string;
  readonly mspId: string;
  /** Holds msp/ and tls/. */
  readonly identityFolder: string;
  /** The organisation's own msp/. */
  readonly organizationMspFolder: string;
  readonly domain: string;
  readonly dataFolder: string;
  readonly address: string;
  /** An orderer's channel participation API. */
  readonly adminAddress: string | undefined;
  readonly operations: OperationsSpec | undefined;
  readonly batching: "adaptive" | "fabric";
  /** For a peer: where contracts that it builds run. */
  readonly contractsRun: "process" | "worker" | "peer";
  /** For a peer: how much memory a contract may hold. */
  readonly contractMemoryMb: number | undefined;
  /** For a peer. */
  readonly contractTimeouts: { readonly executeMs: number; readonly startMs: number };
  /** Files with the genesis blocks of the channels it is on; it joins those it has not joined yet. */
  readonly genesisBlocks: readonly string[];
  /** For a peer: the orderers, by the addresses that channels name, and the names to expect in their certificates. */
  readonly orderers: readonly { readonly address: string; readonly host: string }[];
  /** For an orderer: tells the streams of networks apart that share NATS servers. */
  readonly networkId: string | undefined;
  /** For an orderer: with whom it shares the order; undefined when it orders alone. */
  readonly jetstream: JetStreamSpec | undefined;
  /** For a peer: the network's other peers, whom its gateway may ask to endorse. */
  readonly otherPeers: readonly OtherPeerSpec[];
};

/** How an orderer reaches the NATS servers: addresses, and paths of files. */
export type JetStreamSpec = {
  readonly servers: readonly string[];
  readonly replicas: number;
  readonly tls: { readonly ca: string; readonly cert?: string; readonly key?: string } | undefined;
  /** A .creds file, or a file with a user key's seed. */
  readonly credentials: string | undefined;
};

export type OtherPeerSpec = {
  readonly mspId: string;
  readonly address: string;
  readonly host: string;
  readonly tlsRootFile: string;
};

function operationsSpec({ operations }: PlannedNode, { operationsPort }: NodePorts): OperationsSpec | undefined {
  if (operations === undefined || operationsPort === undefined) return undefined;
  return { address: `127.0.0.1:${operationsPort}`, tls: operations === "https" };
}

/** What an organisation's authority is told. */
export function authoritySpec(organization: Organization, plan: NetworkPlan, layout: Layout, ports: Ports): CaSpec {
  const node = plan.nodes.find((each) => each.kind === "ca" && each.organization.mspId === organization.mspId)!;
  const { id, host, extraHosts = [] } = node;
  const { name, mspId, domain } = organization;
  return {
    id,
    host,
    extraHosts,
    domain,
    dataFolder: layout.node(id),
    address: `127.0.0.1:${ports[id]!.adminPort}`,
    restAddress: `127.0.0.1:${ports[id]!.port}`,
    // Managed Blockchain calls an authority by its member's id, Fabric's test network by the member's name.
    otherNames: [mspId, `ca-${name.toLowerCase()}`],
    affiliations: [...new Set([name, name.toLowerCase()])],
    registrar: "registrar",
    registrarSecretFile: path.join(layout.node(id), "registrar.secret"),
    operations: operationsSpec(node, ports[id]!),
  };
}

/** What an orderer or a peer of the network is told, as the network is now. */
export function serverSpec(node: PlannedNode, network: NetworkParts): ServerSpec {
  const { layout, plan, config } = network;
  const { ports, unfinished = [] } = network.state;
  const { organization } = node;
  const { port, adminPort } = ports[node.id]!;
  const address = (id: string) => `127.0.0.1:${ports[id]!.port}`;
  const orderers = plan.nodes.filter((other) => other.kind === "orderer");
  const others = plan.nodes.filter(
    ({ id, kind }) => kind === "peer" && id !== node.id && !unfinished.includes(id) && ports[id] !== undefined,
  );
  const channels = config.channels.filter(
    ({ members }) => organization.kind === "orderer" || members.includes(organization.name),
  );
  return {
    id: node.id,
    host: node.host,
    mspId: organization.mspId,
    domain: organization.domain,
    identityFolder: layout.nodeIdentity(organization.kind, organization.domain, node.host),
    organizationMspFolder: path.join(layout.organization(organization.kind, organization.domain), "msp"),
    dataFolder: layout.node(node.id),
    address: `127.0.0.1:${port}`,
    adminAddress: adminPort === undefined ? undefined : `127.0.0.1:${adminPort}`,
    operations: operationsSpec(node, ports[node.id]!),
    batching: config.batching,
    contractsRun: config.contractsRun,
    contractMemoryMb: config.contractMemoryMb,
    contractTimeouts: config.contractTimeouts,
    genesisBlocks: channels.map(({ name }) => layout.genesisBlock(name)),
    orderers: orderers.map(({ id, host }) => ({ address: address(id), host })),
    networkId: node.kind === "orderer" ? config.networkId : undefined,
    jetstream: node.kind === "orderer" ? jetstreamSpec(node, network) : undefined,
    otherPeers:
      node.kind !== "peer"
        ? []
        : others.map((other) => ({
            mspId: other.organization.mspId,
            address: address(other.id),
            host: other.host,
            tlsRootFile: layout.tlsRoot("peer", other.organization.domain),
          })),
  };
}

function jetstreamSpec(node: PlannedNode, { layout, plan, config, state }: NetworkParts): JetStreamSpec | undefined {
  const { engine, servers, replicas, tls, credentials } = config.ordering;
  if (engine === "embedded") return undefined;
  if (servers.length > 0) return { servers, replicas, tls, credentials };
  const own = plan.nodes.filter(({ kind }) => kind === "nats");
  return {
    servers: own.map(({ id }) => `tls://127.0.0.1:${state.ports[id]!.port}`),
    replicas,
    tls: tlsFilesOf(node, layout),
    credentials: layout.natsUser(node.id),
  };
}
