import path from "node:path";
import type { ChannelDefinition } from "../config/network-config.js";
import { readIdentityFileSync } from "../identity/material.js";
import type { Layout } from "../plan/layout.js";
import type { NetworkPlan, Organization, PlannedNode } from "../plan/plan.js";
import type { Ports } from "../plan/ports.js";

export type ProfileSource = {
  readonly organization: Organization;
  readonly plan: NetworkPlan;
  readonly layout: Layout;
  readonly ports: Ports;
  readonly channels: readonly ChannelDefinition[];
};

/**
 * A connection profile as Fabric's SDKs read it: the member's view of the network, with everything that a client needs
 * which does not ask peers for the others (`discovery.enabled: false`). One that does needs a single peer of it.
 * Source: hyperledger/fabric-sdk-node, fabric-network/src/impl/ccp and docs/tutorials/commonconnectionprofile.md.
 */
export function connectionProfile({ organization, plan, layout, ports, channels }: ProfileSource) {
  const tlsRoot = ({ kind, domain }: Organization) =>
    readIdentityFileSync(path.join(layout.organization(kind, domain), "tlsca", `tlsca.${domain}-cert.pem`));
  const address = (node: PlannedNode) => `127.0.0.1:${ports[node.id]!.port}`;
  const server = (node: PlannedNode) => ({
    url: `grpcs://${address(node)}`,
    tlsCACerts: { pem: tlsRoot(node.organization) },
    grpcOptions: { "ssl-target-name-override": node.host, hostnameOverride: node.host },
  });
  const nodes = (kind: PlannedNode["kind"], of?: Organization) =>
    plan.nodes.filter((node) => node.kind === kind && (of === undefined || node.organization.name === of.name));
  const members = plan.organizations.filter(({ kind }) => kind === "peer");
  const hosts = (found: readonly PlannedNode[]) => found.map(({ host }) => host);
  const orderers = nodes("orderer");
  const authority = nodes("ca", organization)[0]!;
  const mine = channels.filter(({ members }) => members.includes(organization.name));
  return {
    name: `${layout.root.split(path.sep).pop()}-${organization.name.toLowerCase()}`,
    version: "1.0.0",
    client: { organization: organization.name, connection: { timeout: { peer: { endorser: "300" } } } },
    channels: Object.fromEntries(
      mine.map((channel) => [
        channel.name,
        {
          orderers: hosts(orderers),
          peers: Object.fromEntries(
            nodes("peer")
              .filter((peer) => channel.members.includes(peer.organization.name))
              .map((peer) => [peer.host, {}]),
          ),
        },
      ]),
    ),
    organizations: Object.fromEntries(
      members.map((member) => [
        member.name,
        {
          mspid: member.mspId,
          peers: hosts(nodes("peer", member)),
          ...(member === organization ? { certificateAuthorities: [authority.host] } : {}),
        },
      ]),
    ),
    orderers: Object.fromEntries(orderers.map((orderer) => [orderer.host, server(orderer)])),
    peers: Object.fromEntries(nodes("peer").map((peer) => [peer.host, server(peer)])),
    certificateAuthorities: {
      [authority.host]: {
        url: `https://${address(authority)}`,
        caName: `ca.${organization.domain}`,
        tlsCACerts: { pem: [tlsRoot(organization)] },
        httpOptions: { verify: true },
      },
    },
  };
}
