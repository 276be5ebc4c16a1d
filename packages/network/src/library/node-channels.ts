/** The channels of one node: what it has, and how it comes by another. */
import type { SigningIdentity } from "@hansa/msp";
import { fromUtf8, HansaError } from "@hansa/primitives";
import { decode, HeaderType, protos } from "@hansa/wire";
import { evaluate, type Target } from "../client/admin-client.js";
import { didYouMean } from "../config/suggest.js";
import { readIdentity, userFiles } from "../identity/material.js";
import { channelNamesAt, joinOrderer, leaveOrderer } from "../membership/participation.js";
import type { PlannedNode } from "../plan/plan.js";
import type { NetworkView } from "./network-view.js";

export class NodeChannels {
  readonly #view: NetworkView;
  readonly #node: PlannedNode;

  /** @throws HansaError UNKNOWN_NODE */
  constructor(view: NetworkView, id: string) {
    const nodes = view.plan.nodes.filter(({ kind }) => kind === "peer" || kind === "orderer");
    const node = nodes.find((each) => each.id === id || each.host === id);
    if (node === undefined) {
      const ids = nodes.map((each) => each.id);
      throw new HansaError("UNKNOWN_NODE", `Network ${view.name} has no node "${id}".${didYouMean(id, ids)}`, {
        nextStep: `Use one of: ${ids.join(", ")}.`,
      });
    }
    this.#view = view;
    this.#node = node;
  }

  get id(): string {
    return this.#node.id;
  }

  /** @throws HansaError NODE_UNREACHABLE, ENDORSEMENT_REFUSED */
  async list(): Promise<string[]> {
    if (this.#node.kind === "orderer") return channelNamesAt(this.#view, this.#node);
    const { peer, admin } = await this.#peer();
    const answer = await evaluate(peer, admin, { channelId: "", chaincode: "cscc", args: [fromUtf8("GetChannels")] });
    const { channels } = decode(protos.ChannelQueryResponse, answer, "protos.ChannelQueryResponse");
    return channels.map(({ channelId }) => channelId ?? "").sort();
  }

  /**
   * @param genesisBlock the channel's block 0
   * @throws HansaError ENDORSEMENT_REFUSED or ORDERING_REFUSED with the node's reason, NODE_UNREACHABLE
   */
  async join(genesisBlock: Uint8Array): Promise<void> {
    if (this.#node.kind === "orderer") {
      await joinOrderer(this.#view, genesisBlock, this.#node);
      return;
    }
    const { peer, admin } = await this.#peer();
    const args = [fromUtf8("JoinChain"), genesisBlock];
    await evaluate(peer, admin, { channelId: "", chaincode: "cscc", args, headerType: HeaderType.CONFIG });
  }

  /** @throws HansaError USAGE for a peer, UNKNOWN_CHANNEL, ORDERING_REFUSED */
  async leave(channel: string): Promise<void> {
    if (this.#node.kind === "peer")
      throw new HansaError("USAGE", `${this.#node.id} is a peer; a peer stays on its channels while it runs.`, {
        nextStep: "Remove the member from the channel, or delete the peer with: hansa node delete",
      });
    await leaveOrderer(this.#view, channel, this.#node);
  }

  async #peer(): Promise<{ peer: Target; admin: SigningIdentity }> {
    const { organization } = this.#node;
    const files = userFiles(this.#view.layout, organization, "Admin");
    return { peer: this.#view.target(this.#node), admin: await readIdentity(organization.mspId, files) };
  }
}
