import path from "node:path";
import type { Layout } from "../plan/layout.js";
import type { NetworkPlan, Organization } from "../plan/plan.js";
import type { Ports } from "../plan/ports.js";

/** What the launcher tells a node: paths and ports, as JSON. Keys stay in their files; the node reads them itself. */
export type CaSpec = {
  readonly id: string;
  readonly host: string;
  readonly domain: string;
  readonly dataFolder: string;
  readonly address: string;
  /** Enrolment id of the identity that registers others, and the file with its secret. */
  readonly registrar: string;
  readonly registrarSecretFile: string;
};

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
  readonly batching: "adaptive" | "fabric";
  /** For a peer: where contracts that it builds run. */
  readonly contractsRun: "process" | "peer";
  /** For a peer. */
  readonly contractTimeouts: { readonly executeMs: number; readonly startMs: number };
  /** Files with the genesis blocks of the channels it is on; it joins those it has not joined yet. */
  readonly genesisBlocks: readonly string[];
  /** For a peer: the orderer, by the address that channels name, and the name to expect in its certificate. */
  readonly orderer: { readonly address: string; readonly host: string };
  /** For a peer: the network's other peers, whom its gateway may ask to endorse. */
  readonly otherPeers: readonly OtherPeerSpec[];
};

export type OtherPeerSpec = {
  readonly mspId: string;
  readonly address: string;
  readonly host: string;
  readonly tlsRootFile: string;
  readonly channels: readonly string[];
};

/** What an organisation's authority is told. */
export function authoritySpec(organization: Organization, plan: NetworkPlan, layout: Layout, ports: Ports): CaSpec {
  const { id, host } = plan.nodes.find((node) => node.kind === "ca" && node.organization.name === organization.name)!;
  return {
    id,
    host,
    domain: organization.domain,
    dataFolder: layout.node(id),
    address: `127.0.0.1:${ports[id]!.port}`,
    registrar: "registrar",
    registrarSecretFile: path.join(layout.node(id), "registrar.secret"),
  };
}
