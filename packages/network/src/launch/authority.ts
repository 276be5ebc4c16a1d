import { randomBytes } from "node:crypto";
import { readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { HansaError } from "@hansa/primitives";
import type { CaAdministrator, NetworkConfig } from "../config/network-config.js";
import { enrolNodes, enrolOrganization, registerAdministrator } from "../identity/enrol.js";
import { writeNodes, writeOrganization } from "../identity/material.js";
import type { NodeKeeper } from "../nodes/keeper.js";
import { authoritySpec, type CaSpec } from "../nodes/specs.js";
import type { Layout } from "../plan/layout.js";
import type { NetworkPlan, Organization } from "../plan/plan.js";
import type { Ports } from "../plan/ports.js";
import { type NetworkState, writeFileDurably } from "../plan/state-file.js";

export type AuthorityParts = {
  readonly layout: Layout;
  readonly plan: NetworkPlan;
  readonly ports: Ports;
  readonly keeper: NodeKeeper;
};

/**
 * Starts an organisation's authority. It certifies the organisation's nodes and users the first time, and later those
 * of its peers that are being made. What an earlier attempt left that was cut short is made anew.
 */
export async function startAuthority(
  organization: Organization,
  { layout, plan, ports, keeper }: AuthorityParts,
  { enrolled, unfinished = [] }: Pick<NetworkState, "enrolled" | "unfinished">,
): Promise<void> {
  const nodes = plan.nodes.filter((node) => node.organization.mspId === organization.mspId);
  const authority = nodes.find((node) => node.kind === "ca")!;
  const servers = nodes.filter((node) => node.kind !== "ca");
  const spec = authoritySpec(organization, plan, layout, ports);
  const isNew = !enrolled.includes(organization.mspId);
  if (isNew) {
    await rm(layout.node(authority.id), { recursive: true, force: true });
    await rm(layout.organization(organization.kind, organization.domain), { recursive: true, force: true });
    await writeFileDurably(spec.registrarSecretFile, `${randomBytes(24).toString("base64url")}\n`, 0o600);
  } else await requireKept(layout.node(authority.id));
  await keeper.start(authority, spec);
  const begun = servers.filter((node) => unfinished.includes(node.id));
  if (isNew)
    await writeOrganization(layout, organization, servers, await enrolOrganization(spec, organization, servers));
  else if (begun.length > 0) await writeNodes(layout, organization, begun, await enrolNodes(spec, begun));
  await registerWaiting(layout, spec);
}

/**
 * Without its registry an authority would start as if it had never certified or revoked anybody, and without its
 * passphrase it would draw another one.
 * @throws HansaError CORRUPT_STORE
 */
async function requireKept(folder: string): Promise<void> {
  for (const name of ["registry.jsonl", "passphrase"]) {
    const file = path.join(folder, name);
    const size = (await stat(file).catch(() => undefined))?.size;
    if (size === undefined || size === 0)
      throw new HansaError("CORRUPT_STORE", `${file} is ${size === 0 ? "empty" : "gone"}.`, {
        nextStep: "Restore the file from a backup, or start over with: hansa down --wipe",
      });
  }
}

/** Registers the administrator that was noted, when there is one. */
export async function registerWaiting(layout: Layout, authority: CaSpec): Promise<void> {
  const file = administratorFile(layout, authority.id);
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return;
  await registerAdministrator(authority, JSON.parse(text) as CaAdministrator);
  await rm(file, { force: true });
}

/** Notes the administrators that a network's file names, for their authorities' start. */
export async function noteAdministrators(config: NetworkConfig, plan: NetworkPlan, layout: Layout): Promise<void> {
  for (const { mspId, caAdmin } of config.members) {
    const authority = plan.nodes.find((node) => node.kind === "ca" && node.organization.mspId === mspId);
    if (caAdmin !== undefined && authority !== undefined) await noteAdministrator(layout, authority.id, caAdmin);
  }
}

/** A configuration without passwords, as it is kept. */
export function withoutPasswords(config: NetworkConfig): NetworkConfig {
  return { ...config, members: config.members.map(({ caAdmin: _, ...member }) => member) };
}

/** Remembers an administrator until it is registered, so that a start finishes a member that was cut short. */
export async function noteAdministrator(
  layout: Layout,
  authority: string,
  administrator: CaAdministrator,
): Promise<void> {
  await writeFileDurably(administratorFile(layout, authority), JSON.stringify(administrator), 0o600);
}

function administratorFile(layout: Layout, authority: string): string {
  return path.join(layout.root, "nodes", `${authority}.administrator`);
}
