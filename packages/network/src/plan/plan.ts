import type { NetworkConfig } from "../config/network-config.js";

/** The ports of one node; a node that has a second door has a second port. */
export type NodePorts = { readonly port: number; readonly adminPort?: number };

export type NodeKind = "ca" | "orderer" | "peer";

/** One process, or one role in one process. */
export type PlannedNode = {
  /** Short and unique: "ca.brewery", "peer0.brewery", "orderer". */
  readonly id: string;
  readonly kind: NodeKind;
  readonly organization: Organization;
  /** Host name in certificates, e.g. "peer0.brewery.example.com". */
  readonly host: string;
  readonly fixedPort: number | undefined;
  /** Only an orderer has one: its channel participation API. */
  readonly fixedAdminPort: number | undefined;
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

/** The organisations and nodes a network has. The ordering organisation comes first. */
export function planNetwork(config: NetworkConfig): NetworkPlan {
  const { orderer } = config;
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
    },
  ];
  const organizations = [ordering];
  for (const member of config.members) {
    const organization: Organization = {
      name: member.name,
      kind: "peer",
      domain: member.domain,
      mspId: member.mspId,
      users: member.users,
    };
    const short = member.name.toLowerCase();
    organizations.push(organization);
    nodes.push(node(`ca.${short}`, "ca", organization, `ca.${member.domain}`, member.caPort));
    for (const peer of member.peers)
      nodes.push(node(`${peer.name}.${short}`, "peer", organization, `${peer.name}.${member.domain}`, peer.port));
  }
  return { organizations, nodes };
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
