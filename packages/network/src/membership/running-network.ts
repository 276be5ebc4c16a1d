import { existsSync } from "node:fs";
import {
  type LogTarget,
  NetworkCore,
  type NewChannel,
  type NewMember,
  type NewPeer,
  type OrderedChannel,
} from "./core.js";
import type { LogCopies } from "./log-copies.js";

export type { LogTarget, Membership, NewChannel, NewMember, NewPeer, OrderedChannel } from "./core.js";

/** A network whose nodes this process keeps, and whose members, peers and channels come and go meanwhile. */
export class RunningNetwork extends NetworkCore {
  #logCopies: LogCopies | undefined;

  /**
   * Starts a member's authority and has it certify the member's administrator and users. It is on no channel by that.
   * The same member id again finishes what was begun, or does nothing.
   * @throws HansaError USAGE when another member has its name, MSP id or domain; PORT_IN_USE, NODE_FAILED
   */
  async addMember(member: NewMember): Promise<void> {
    const { addMember } = await import("./members.js");
    await this.inTurn(`member ${member.mspId}`, () => addMember(this, member));
  }

  /**
   * Stops a member's peers and its authority; the others forget it. Its identities' folder stays.
   * @param options `wipe` deletes what its nodes keep
   */
  async removeMember(mspId: string, options: { readonly wipe: boolean }): Promise<void> {
    const { removeMember } = await import("./members.js");
    await this.inTurn(`member ${mspId}`, () => removeMember(this, mspId, options.wipe));
  }

  /**
   * Starts a peer of a member on all channels whose configuration in force has the member, with the contracts that were
   * deployed there; its member approves their definitions if it has not. The others know of the peer when this resolves.
   * The same peer again finishes what was begun, or does nothing.
   * @throws HansaError UNKNOWN_MEMBER, USAGE, PORT_IN_USE, NODE_FAILED, CONTRACT_BUILD, …
   */
  async addPeer(peer: NewPeer): Promise<void> {
    const { addPeer } = await import("./peers.js");
    await this.inTurn(`member ${peer.mspId}`, () => addPeer(this, peer));
  }

  /** Stops a peer and deletes what it keeps; the others forget it. */
  async removePeer(peer: Pick<NewPeer, "mspId" | "peerName">): Promise<void> {
    const { removePeer } = await import("./peers.js");
    await this.inTurn(`member ${peer.mspId}`, () => removePeer(this, peer));
  }

  /**
   * Makes a channel: the orderer orders it, and the members' peers join it. The same channel again does nothing.
   * @throws HansaError USAGE when it exists with other members, UNKNOWN_MEMBER; ConfigError for a name that none may have
   */
  async createChannel(channel: NewChannel): Promise<void> {
    const { createChannel } = await import("./channels.js");
    await this.inTurn("channels", () => createChannel(this, channel));
  }

  /** The channels that the orderer has, by name, with the members of their configurations in force. */
  async channels(): Promise<OrderedChannel[]> {
    const { orderedChannels } = await import("./channels.js");
    return orderedChannels(this.view);
  }

  /**
   * Brings every peer to the channels whose configuration in force has its member, and the contracts that were deployed
   * there to it: to be called when channels were changed. What cannot be done at a peer is logged and tried again next
   * time.
   */
  async followChannels(): Promise<void> {
    const { followChannels } = await import("./channels.js");
    await this.inTurn("channels", () => followChannels(this));
  }

  /**
   * Copies a log to `log-groups/aws/managedblockchain/<network id>/<member id>/` beside the network's folder from now
   * on, or stops doing so. Kept over restarts.
   * @throws HansaError UNKNOWN_MEMBER, UNKNOWN_NODE
   */
  async setLogging(target: LogTarget, on: boolean): Promise<void> {
    await this.inTurn("logging", async () => {
      const { LogCopies } = await import("./log-copies.js");
      this.#logCopies ??= await LogCopies.open(this);
      await this.#logCopies.set(target, on);
    });
  }

  /** Goes on with the copies of logs that an earlier start was asked for. */
  async resumeLogging(): Promise<void> {
    if (!existsSync(this.layout.loggingFile)) return;
    await this.inTurn("logging", async () => {
      const { LogCopies } = await import("./log-copies.js");
      this.#logCopies ??= await LogCopies.open(this);
    });
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#logCopies?.close();
  }
}
