import { readFile } from "node:fs/promises";
import path from "node:path";
import { natsPublicKey, natsServerConfig, newNatsUser } from "@hansa/orderer/nats";
import type { Layout } from "../plan/layout.js";
import type { PlannedNode } from "../plan/plan.js";
import { writeFileDurably } from "../plan/state-file.js";
import type { NetworkParts } from "./network-parts.js";

/** What is needed to run one NATS server. */
export type NatsSpec = {
  readonly id: string;
  readonly address: string;
  /** Where the server reads its configuration, and what it reads. */
  readonly configFile: string;
  readonly configText: string;
};

/** The files of a node's TLS identity. */
export function tlsFilesOf({ organization, host }: PlannedNode, layout: Layout) {
  const folder = path.join(layout.nodeIdentity(organization.kind, organization.domain, host), "tls");
  const at = (name: string) => path.join(folder, name);
  return { ca: at("ca.crt"), cert: at("server.crt"), key: at("server.key") };
}

/** What one of the network's own NATS servers is told: who the others are, and which orderers may connect. */
export async function natsSpec(node: PlannedNode, { layout, plan, config, state }: NetworkParts): Promise<NatsSpec> {
  const { port, adminPort } = state.ports[node.id]!;
  const servers = plan.nodes.filter(({ kind }) => kind === "nats");
  const orderers = plan.nodes.filter(({ kind }) => kind === "orderer");
  const address = `127.0.0.1:${port}`;
  const configText = natsServerConfig({
    name: node.id,
    clusterName: config.name,
    listen: address,
    clusterListen: `127.0.0.1:${adminPort}`,
    routes: servers.map(({ id }) => `127.0.0.1:${state.ports[id]!.adminPort}`),
    dataFolder: layout.node(node.id),
    tls: tlsFilesOf(node, layout),
    clientKeys: await Promise.all(orderers.map(({ id }) => natsUserKey(layout.natsUser(id)))),
  });
  return { id: node.id, address, configFile: path.join(layout.node(node.id), "nats-server.conf"), configText };
}

/** Makes a secret for every orderer that has none yet. */
export async function makeNatsUsers({ layout, plan, config }: NetworkParts): Promise<void> {
  if (config.ordering.engine !== "jetstream" || config.ordering.servers.length > 0) return;
  for (const { id } of plan.nodes.filter(({ kind }) => kind === "orderer")) {
    const file = layout.natsUser(id);
    if ((await readFile(file).catch(() => undefined)) !== undefined) continue;
    await writeFileDurably(file, `${newNatsUser().seed}\n`, 0o600);
  }
}

async function natsUserKey(file: string): Promise<string> {
  return natsPublicKey((await readFile(file, "utf8")).trim());
}
