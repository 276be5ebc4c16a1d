/** Private data on one peer: passing it on, taking it, asking for what is missing, and answering such questions. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { EndorserChannel } from "@hansa/endorsement/chaincode";
import type { PrivateWrites } from "@hansa/ledger";
import type { SigningIdentity } from "@hansa/msp";
import type { Clock, Logger, Random } from "@hansa/primitives";
import type { RpcServer } from "@hansa/transport";
import { services } from "@hansa/wire";
import type { JudgedBlock, PeerChannel } from "../channel.js";
import { isCollectionMember, type Member } from "../collections.js";
import { RECONCILE_DEFAULTS, type ReconcileSettings } from "../config.js";
import type { OtherPeer } from "../other-peer.js";
import { AskedPeers } from "./asked.js";
import { distribute, receivePrivate } from "./exchange.js";
import { MissedPrivateData } from "./missed.js";
import { givePrivate } from "./pull.js";
import { Reconciler } from "./reconciler.js";

export type PrivateDataOptions = {
  readonly signer: SigningIdentity;
  /** The peer's own identity, as collections know their members by. */
  readonly self: Member;
  readonly channel: (channelId: string) => PeerChannel | undefined;
  readonly others: (config: ChannelConfig) => readonly OtherPeer[];
  readonly reconcile?: Partial<ReconcileSettings>;
  /** How far the time of a question may be from the clock. */
  readonly windowMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

export class PrivateDataExchange {
  readonly #options: PrivateDataOptions;
  readonly asked = new AskedPeers();
  readonly #missed: MissedPrivateData;
  readonly #reconcilers = new Map<string, Reconciler>();

  constructor(options: PrivateDataOptions) {
    this.#options = options;
    this.#missed = new MissedPrivateData({ ...options, holds: this.holds, asked: this.asked });
  }

  /** Whether a collection's data is this peer's to keep. */
  readonly holds: PrivateWrites["holds"] = (state, namespace, collection) =>
    isCollectionMember(state, namespace, collection, this.#options.self);

  /** See distribute. */
  readonly passOn: EndorserChannel["persistPrivate"] = async (writes) => {
    const { channel, others, random } = this.#options;
    const joined = channel(writes.channelId);
    if (joined === undefined) return;
    const { state } = joined.ledger;
    await distribute(writes, others(joined.config()), {
      ...this.#options,
      pick: (below) => Buffer.from(random.bytes(4)).readUInt32BE() % below,
      isHeld: (chaincode, collection) => this.holds(state, chaincode, collection),
    });
  };

  /** See MissedPrivateData. */
  readonly fetch = async (
    channel: PeerChannel,
    number: number,
    transactions: JudgedBlock["transactions"],
  ): Promise<void> => {
    const missing = await this.#missed.fetch(channel, number, transactions);
    if (missing > 0) this.#reconcilers.get(channel.channelId)?.hurry();
  };

  /** Looks after what a channel misses, until the exchange stops. */
  follow(channel: PeerChannel): void {
    const settings = { ...RECONCILE_DEFAULTS, ...this.#options.reconcile };
    void this.#reconcilers.get(channel.channelId)?.stop();
    const reconciler = new Reconciler(channel, { ...this.#options, holds: this.holds, asked: this.asked }, settings);
    this.#reconcilers.set(channel.channelId, reconciler);
  }

  mount(server: RpcServer): void {
    const { channel, clock, windowMs } = this.#options;
    server.addService(services.PrivateData, {
      Push: receivePrivate((channelId) => {
        const joined = channel(channelId);
        return joined && { config: joined.config(), transient: joined.transient, height: joined.height() };
      }),
      Pull: givePrivate(channel, { clock, windowMs }),
    });
  }

  /** To be called before the channels stop. */
  async stop(): Promise<void> {
    await Promise.all([...this.#reconcilers.values()].map((reconciler) => reconciler.stop()));
  }
}
