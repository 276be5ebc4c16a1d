/** What an operator does to a governed network besides ordering acts: new members' authorities, nodes, logs, previews. */
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { changeMembership, describeChange } from "@hansa/channel-config";
import type { JoiningMember, LogTarget, OperatedNode } from "@hansa/control-plane";
import type { MemberIdentity, Proposed } from "@hansa/governance";
import { HansaError } from "@hansa/primitives";
import { encode, msp } from "@hansa/wire";
import { registerAdministrator } from "../identity/enrol.js";
import { authoritySpec } from "../nodes/specs.js";
import { managedHost, type PlannedNode } from "../plan/plan.js";
import { type Change, concerns } from "./channel-changes.js";
import { memberIdentity, networkIdOf } from "./founding.js";
import type { GovernanceRuntime } from "./runtime.js";

/** What the update of one channel would be, in words. */
export type Preview = { readonly channelId: string; readonly changes: readonly string[] };

/** Enrolled for every member besides its administrator. */
const USERS = ["User1"];
const SIZE_KEPT_MS = 5_000;

export class Operations {
  readonly #runtime: GovernanceRuntime;
  readonly #sizes = new Map<string, { readonly bytes: number; readonly at: number }>();

  constructor(runtime: GovernanceRuntime) {
    this.#runtime = runtime;
  }

  /** Starts a new member's authority, has it make the member's identities, and registers its administrator. */
  async prepareMember(member: JoiningMember): Promise<MemberIdentity> {
    const { network, authorities } = this.#runtime;
    const { memberId, name, description, accountId, adminUsername: username, adminPassword: password } = member;
    const known = network.config().members.find((each) => each.memberId === memberId);
    if (known === undefined || !network.state().enrolled.includes(known.mspId))
      await network.addMember({
        memberId,
        name,
        ...described(description),
        account: accountId,
        mspId: memberId,
        domain: `${memberId.toLowerCase()}.hansa`,
        users: USERS,
        admin: { username, password },
      });
    else {
      const { layout, view } = network;
      const organization = view.plan.organizations.find(({ mspId }) => mspId === known.mspId)!;
      await registerAdministrator(authoritySpec(organization, view.plan, layout, view.state.ports), {
        username,
        password,
      });
    }
    const config = network.config().members.find((each) => each.memberId === memberId)!;
    return memberIdentity(network, authorities, config);
  }

  /** Undoes prepareMember for one that did not become a member; leaves members alone. */
  async discardMember(memberId: string): Promise<void> {
    const { network, authorities, state } = this.#runtime;
    const known = network.config().members.find((each) => each.memberId === memberId);
    if (known === undefined) return;
    const status = state.members.get(memberId)?.status;
    if (status !== undefined && status !== "failed" && status !== "left")
      throw new HansaError("USAGE", `Member ${memberId} is ${status}; only its own leave or a vote takes it out.`);
    await network.removeMember(known.mspId, { wipe: true });
    authorities.forget(known.mspId);
  }

  /** @param region of the name that the managed service would give it, for its certificate */
  async createNode(nodeId: string, memberId: string, region?: string): Promise<void> {
    const { network } = this.#runtime;
    const member = network.config().members.find((each) => each.memberId === memberId);
    if (member === undefined)
      throw new HansaError("UNKNOWN_MEMBER", `Network ${network.config().name} runs no member ${memberId}.`);
    const labels = [nodeId, memberId, networkIdOf(network.config())];
    const extraHosts = region === undefined ? [] : [managedHost(labels, region)];
    await network.addPeer({ mspId: member.mspId, peerName: nodeId, extraHosts });
  }

  async deleteNode(nodeId: string): Promise<void> {
    const { network } = this.#runtime;
    for (const { mspId, peers } of network.config().members)
      for (const peer of peers) if (peer.nodeId === nodeId) await network.removePeer({ mspId, peerName: peer.name });
  }

  /** @param options `sizes`: with what they keep on disk, which takes a look at every file */
  async nodes({ sizes = false }: { sizes?: boolean } = {}): Promise<OperatedNode[]> {
    const { network } = this.#runtime;
    const { members } = network.config();
    const { ports } = network.state();
    return Promise.all(
      network.reports().flatMap(({ node, state, lastFailure }) => {
        const memberId = members.find(({ mspId }) => mspId === node.organization.mspId)?.memberId;
        const { kind } = node;
        if (kind === "nats" || (kind !== "orderer" && memberId === undefined)) return [];
        const reported = async (): Promise<OperatedNode> => ({
          nodeId: kind === "ca" ? `ca.${memberId}` : (node.nodeId ?? node.id),
          kind,
          ...(memberId === undefined ? {} : { memberId }),
          state,
          address: `127.0.0.1:${ports[node.id]?.port ?? 0}`,
          host: node.host,
          ...(lastFailure === undefined ? {} : { lastFailure }),
          ...(sizes ? { storageBytes: await this.#sizeOf(node) } : {}),
        });
        return [reported()];
      }),
    );
  }

  async setLogging(target: LogTarget, on: boolean): Promise<void> {
    await this.#runtime.network.setLogging(target, on);
  }

  /** Channels with the ids of their members. */
  async channels(): Promise<{ readonly name: string; readonly members: readonly string[] }[]> {
    const { network } = this.#runtime;
    const { members } = network.config();
    return (await network.channels()).map(({ name, mspIds }) => ({
      name,
      members: members.flatMap(({ mspId, memberId }) =>
        memberId !== undefined && mspIds.includes(mspId) ? [memberId] : [],
      ),
    }));
  }

  /** What the update of each channel would be, in words, if a proposal passed now. Channels that stay are left out. */
  async preview(proposed: Pick<Proposed, "invitations" | "removals" | "newPolicy" | "channels">): Promise<Preview[]> {
    const { network, state } = this.#runtime;
    const policy = proposed.newPolicy ?? state.policy;
    const removes = proposed.removals.flatMap((id) => state.members.get(id)?.mspId ?? []);
    // Whose certificates a newcomer brings is known when it accepts.
    const admits = proposed.invitations.map(({ accountId }) => stranger(`the-member-of-account-${accountId}`));
    const choice = proposed.channels ?? state.channels;
    const enters = (name: string) => choice.kind === "all" || (choice.kind === "listed" && choice.names.includes(name));
    const previews = await Promise.all(
      (await network.channels()).map(async ({ name }): Promise<Preview> => {
        const { config } = await this.#runtime.readConfig(name);
        const admitted = enters(name) ? admits : [];
        const change: Change = { admits: admitted, removes, policy };
        const stays = admitted.length === 0 && proposed.newPolicy === undefined;
        if (stays && !(removes.length > 0 && concerns(name, config, change))) return { channelId: name, changes: [] };
        return { channelId: name, changes: describeChange(config, changeMembership(config, change)) };
      }),
    );
    return previews.filter(({ changes }) => changes.length > 0);
  }

  async #sizeOf(node: PlannedNode): Promise<number> {
    const known = this.#sizes.get(node.id);
    if (known !== undefined && performance.now() - known.at < SIZE_KEPT_MS) return known.bytes;
    const bytes = await folderBytes(this.#runtime.network.layout.node(node.id));
    this.#sizes.set(node.id, { bytes, at: performance.now() });
    return bytes;
  }
}

function described(description: string | undefined): { description?: string } {
  return description === undefined ? {} : { description };
}

/** Stands for a member of whom only a name is known. */
function stranger(mspId: string): Change["admits"][number] {
  const config = encode(msp.FabricMSPConfig, { name: mspId });
  return { mspId, mspConfig: encode(msp.MSPConfig, { type: 0, config }) };
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const place = path.join(folder, entry.name);
      if (entry.isDirectory()) return folderBytes(place);
      return entry.isFile() ? ((await stat(place).catch(() => undefined))?.size ?? 0) : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
