/** What endorsing needs of a channel; the peer's channel has this shape. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { Ledger } from "@hansa/ledger";
import type { Bytes } from "@hansa/primitives";
import type { common, rwset } from "@hansa/wire";

export type EndorserLedger = Pick<
  Ledger,
  "height" | "state" | "find" | "hasId" | "simulator" | "history" | "info" | "blocks"
>;

/** Private writes of one simulation, to be kept until their block comes, and passed on to other members. */
export type PrivateWrites = {
  readonly channelId: string;
  readonly txId: string;
  /** Count of blocks at simulation. */
  readonly height: number;
  readonly writes: rwset.TxPvtReadWriteSet.$Properties;
  /** The same, encoded. */
  readonly bytes: Bytes;
  /** Chaincode → configurations of the collections that were written. */
  readonly collections: ReadonlyMap<string, readonly common.StaticCollectionConfig.$Properties[]>;
};

export interface EndorserChannel {
  readonly channelId: string;
  /** In force now. */
  readonly config: ChannelConfig;
  readonly ledger: EndorserLedger;
  /** Must be safe before the endorsement leaves the peer. @throws when too few other peers could be reached */
  persistPrivate(writes: PrivateWrites): Promise<void>;
}

/** A later application capability includes the earlier ones. Source: hyperledger/fabric, common/capabilities/application.go. */
export function hasApplicationCapability(config: ChannelConfig, name: "V1_3" | "V2_5"): boolean {
  const { application } = config.capabilities;
  if (application.has("V2_5")) return true;
  return name === "V1_3" && ["V1_3", "V1_4_2", "V2_0"].some((each) => application.has(each));
}
