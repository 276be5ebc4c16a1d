import { readFile } from "node:fs/promises";
import path from "node:path";
import { genesisBlock, governedAdminsRule } from "@hansa/channel-config";
import type { ChannelDefinition, NetworkConfig } from "../config/network-config.js";
import { readIdentityFile, readMspConfig } from "../identity/material.js";
import type { Layout } from "../plan/layout.js";
import type { NetworkPlan } from "../plan/plan.js";
import type { Ports } from "../plan/ports.js";
import { writeFileDurably } from "../plan/state-file.js";

/** So that a member without peers holds up nobody. */
const ANY_ENDORSES = { Endorsement: "ANY Endorsement", LifecycleEndorsement: "ANY Endorsement" };

/** Makes a channel's genesis block and keeps it: it must never be made twice, for it names the channel's history. */
export async function createGenesisBlock(
  layout: Layout,
  plan: NetworkPlan,
  ports: Ports,
  { channelEndorsement, governance }: Pick<NetworkConfig, "channelEndorsement" | "governance">,
  channel: ChannelDefinition,
): Promise<void> {
  const file = layout.genesisBlock(channel.name);
  if ((await readFile(file).catch(() => undefined)) !== undefined) return;
  const ordering = plan.organizations.find((organization) => organization.kind === "orderer")!;
  const consenters = await Promise.all(
    plan.nodes
      .filter((node) => node.kind === "orderer")
      .map(async ({ id, host }) => {
        const tlsFolder = path.join(layout.nodeIdentity("orderer", ordering.domain, host), "tls");
        const tlsCertPem = await readIdentityFile(path.join(tlsFolder, "server.crt"));
        const { port } = ports[id]!;
        return { host: "127.0.0.1", port, clientTlsCertPem: tlsCertPem, serverTlsCertPem: tlsCertPem };
      }),
  );
  const members = plan.organizations.filter(({ kind, name }) => kind === "peer" && channel.members.includes(name));
  const block = genesisBlock({
    channelId: channel.name,
    organizations: await Promise.all(
      members.map(async (member) => ({
        mspId: member.mspId,
        mspConfig: await readMspConfig(layout, member),
        anchorPeers: plan.nodes
          .filter((node) => node.kind === "peer" && node.organization === member)
          .slice(0, 1)
          .map((node) => ({ host: "127.0.0.1", port: ports[node.id]!.port })),
      })),
    ),
    ordererOrgs: [
      {
        mspId: ordering.mspId,
        mspConfig: await readMspConfig(layout, ordering),
        endpoints: consenters.map(({ host, port }) => `${host}:${port}`),
      },
    ],
    createdAtMs: Date.now(),
    adminsPolicy: governedAdminsRule(
      members.map(({ mspId }) => mspId),
      governance.policy,
    ),
    ...(channelEndorsement === "any" ? { applicationPolicies: ANY_ENDORSES } : {}),
    batchTimeoutMs: channel.batch.timeoutMs,
    maxMessageCount: channel.batch.maxMessageCount,
    preferredMaxBytes: channel.batch.preferredMaxBytes,
    absoluteMaxBytes: channel.batch.absoluteMaxBytes,
    consenters,
  });
  await writeFileDurably(file, block);
}
