import type { MemberConfig, NetworkConfig } from "../config/network-config.js";

/**
 * The ports of one node; a node that has a second door has a second port. An authority's first is fabric-ca's REST API,
 * and through its second the network itself speaks to it.
 */
export type NodePorts = { readonly port: number; readonly adminPort?: number; readonly operationsPort?: number };

export type NodeKind = RoleKind | "nats";

/** What runs as code of ours; a NATS server is another program. */
export type RoleKind = "ca" | "orderer" | "peer";

/** One process, or one role in one process. */
export type PlannedNode = {
  /** Short and unique: "ca.brewery", "peer0.brewery", "orderer"; "ca.m-…" and "nd-….m-…" where members have no domains. Further orderers are "orderer2", … and NATS servers "nats1", …. */
  readonly id: string;
  readonly kind: NodeKind;
  readonly organization: Organization;
  /** Host name in certificates, e.g. "peer0.brewery.example.com". */
  readonly host: string;
  readonly fixedPort: number | undefined;
  /** An orderer's channel participation API. */
  readonly fixedAdminPort: number | undefined;
  /** How it answers about its health and metrics; undefined when it does not. */
  readonly operations?: "http" | "https";
  /** Of a peer: "nd-" and 26 base32 characters, once the network was started. */
  readonly nodeId?: string;
  /** Host names in its TLS certificate besides its own. */
  readonly extraHosts?: readonly string[];
};

export type Organization = {
  /** The member's name, or "Orderer" for the ordering organisation. */
  readonly name: string;
  readonly kind: "peer" | "orderer";
  readonly domain: string;
  readonly mspId: string;
  readonly users: readonly string[];
};

export type NetworkPlan = {
  readonly organizations: readonly Organization[];
  readonly nodes: readonly PlannedNode[];
};

/** Where a node answers about its health and metrics; undefined when it does not. */
export function operationsUrl({ operations }: PlannedNode, ports: NodePorts | undefined): string | undefined {
  const port = ports?.operationsPort;
  return operations === undefined || port === undefined ? undefined : `${operations}://127.0.0.1:${port}`;
}

/** How Managed Blockchain names the host of a node. @param labels from the node's own to the network's id */
export function managedHost(labels: readonly string[], region: string): string {
  return [...labels, "managedblockchain", region, "amazonaws.com"].join(".").toLowerCase();
}

/** The organisations and nodes a network has. The ordering organisation comes first. */
export function planNetwork(config: NetworkConfig): NetworkPlan {
  const { orderer, networkId, governance } = config;
  const managed = (...labels: readonly string[]): { extraHosts?: readonly string[] } =>
    governance.region === undefined || networkId === undefined
      ? {}
      : { extraHosts: [managedHost([...labels, networkId], governance.region)] };
  const ordering: Organization = {
    name: "Orderer",
    kind: "orderer",
    domain: orderer.domain,
    mspId: orderer.mspId,
    users: [],
  };
  const nodes: PlannedNode[] = [
    node("ca.orderer", "ca", ordering, `ca.orderer.${orderer.domain}`, orderer.caPort),
    {
      ...node("orderer", "orderer", ordering, `orderer.${orderer.domain}`, orderer.port),
      fixedAdminPort: orderer.adminPort,
      ...managed("orderer"),
    },
  ];
  for (let i = 2; i <= config.ordering.orderers; i++)
    nodes.push(node(`orderer${i}`, "orderer", ordering, `orderer${i}.${orderer.domain}`, undefined));
  const ownServers = config.ordering.engine === "jetstream" && config.ordering.servers.length === 0;
  for (let i = 1; ownServers && i <= config.ordering.replicas; i++)
    nodes.push(node(`nats${i}`, "nats", ordering, `nats${i}.${orderer.domain}`, undefined));
  const organizations = [ordering];
  for (const member of config.members) {
    const organization: Organization = {
      name: member.name,
      kind: "peer",
      domain: member.domain,
      mspId: member.mspId,
      users: member.users,
    };
    const short = shortName(member);
    organizations.push(organization);
    nodes.push({
      ...node(`ca.${short}`, "ca", organization, `ca.${member.domain}`, member.caPort),
      ...(member.memberId === undefined ? {} : managed("ca", member.memberId)),
    });
    for (const { name, port, nodeId, extraHosts } of member.peers)
      nodes.push({
        ...node(`${name}.${short}`, "peer", organization, `${name}.${member.domain}`, port),
        ...(nodeId === undefined ? {} : { nodeId }),
        ...(extraHosts === undefined ? {} : { extraHosts }),
      });
  }
  const { operations } = config;
  const withOperations = (each: PlannedNode) => (each.kind === "nats" ? each : { ...each, operations });
  return { organizations, nodes: operations === undefined ? nodes : nodes.map(withOperations) };
}

/** Ends the names of a member's nodes. A member that is known by its id may have the name of one that left. */
function shortName({ name, memberId, mspId }: MemberConfig): string {
  return (memberId === mspId ? memberId : name).toLowerCase();
}

function node(
  id: string,
  kind: NodeKind,
  organization: Organization,
  host: string,
  fixedPort: number | undefined,
): PlannedNode {
  return { id, kind, organization, host, fixedPort, fixedAdminPort: undefined };
}
