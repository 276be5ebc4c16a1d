/**
 * Private write sets that were passed on before this peer was there, or while it could not be reached: asked of the
 * other peers when the block comes. Whatever they answer counts only where its hash is the one in the block; what is
 * something else is reported with who gave it.
 *
 * What nobody has by then stays missing: reads of it are refused, and it is asked for again later (reconciler.ts).
 * Source: hyperledger/fabric, gossip/privdata/coordinator.go and pull.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import {
  compareSet,
  encodeSets,
  type Ledger,
  type PrivateWrites,
  readSets,
  type WantedSet,
  wantedSets,
} from "@hansa/ledger";
import type { SigningIdentity } from "@hansa/msp";
import { type Clock, type Logger, messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import type { JudgedBlock, PeerChannel } from "../channel.js";
import type { OtherPeer } from "../other-peer.js";
import type { AskedPeers } from "./asked.js";
import { askForPrivate, type GivenSet } from "./pull.js";

/** A peer that did not answer is not asked for so long: a block must not wait for it again and again. */
const SKIP_MS = 10_000;

export type MissedOptions = {
  readonly signer: SigningIdentity;
  readonly holds: PrivateWrites["holds"];
  readonly others: (config: ChannelConfig) => readonly OtherPeer[];
  readonly asked?: AskedPeers;
  readonly clock: Clock;
  readonly logger: Logger;
};

type CommittingChannel = Pick<PeerChannel, "channelId" | "config" | "transient"> & {
  readonly ledger: Pick<Ledger, "state">;
};

export class MissedPrivateData {
  readonly #options: MissedOptions;
  /** By address: when it may be asked again. */
  readonly #skipped = new Map<string, number>();

  constructor(options: MissedOptions) {
    this.#options = options;
  }

  /**
   * Puts what others have of a block into the channel's transient store. Never throws: what is missing is missing.
   * @returns how many sets are missing still
   */
  async fetch(
    channel: CommittingChannel,
    blockNumber: number,
    transactions: JudgedBlock["transactions"],
  ): Promise<number> {
    const { holds, signer, others, asked, clock, logger } = this.#options;
    const { channelId, transient } = channel;
    const find = (txId: string) => transient.find(txId);
    const missing = () => wantedSets(transactions, channel.ledger.state, { find, holds });
    let wanted = missing();
    if (wanted.length === 0) return 0;
    this.#reportPushed(channel, blockNumber, wanted);
    for (const peer of ownFirst(others(channel.config()), signer.mspId)) {
      if ((this.#skipped.get(peer.address) ?? 0) > clock.now()) continue;
      try {
        const question = { channelId, blockNumber, txIds: wanted.map(({ txId }) => txId) };
        const fitting = new Map<string, GivenSet[]>();
        for (const given of await askForPrivate(peer, question, { signer, clock, asked })) {
          const set = wanted.find((each) => isOf(each, given));
          if (set === undefined) continue;
          const kind = compareSet(given.plain, set.written);
          if (kind === "whole") fitting.set(set.txId, [...(fitting.get(set.txId) ?? []), given]);
          // A part is what a purge left, of which this peer has not come to the block.
          else if (kind === "other")
            reportWrong(logger, channelId, blockNumber, set, `${peer.address} of ${peer.mspId}`);
        }
        for (const [txId, sets] of fitting) await transient.persist(txId, blockNumber, encodeSets(sets));
      } catch (error) {
        // A peer that is behind itself may answer at the next block.
        if (!(error instanceof RpcStatus && error.code === GrpcStatus.NOT_FOUND))
          this.#skipped.set(peer.address, clock.now() + SKIP_MS);
        const fields = { channel: channelId, peer: peer.address, reason: messageOf(error) };
        logger.warn("missed private data not given", fields);
      }
      wanted = missing();
      if (wanted.length === 0) return 0;
    }
    logger.warn("private data is missing", { channel: channelId, blockNumber, sets: wanted.length });
    return wanted.length;
  }

  /** What was passed on in place of the sets that are missing. */
  #reportPushed({ channelId, transient }: CommittingChannel, blockNumber: number, wanted: readonly WantedSet[]): void {
    for (const set of wanted) {
      for (const { privateWrites, from } of transient.entries(set.txId)) {
        const isWrong = readSets(privateWrites).some((given) => isOf(set, { ...given, txId: set.txId }));
        if (isWrong && from !== undefined) reportWrong(this.#options.logger, channelId, blockNumber, set, from);
      }
    }
  }
}

/** Those of one's own organisation may have everything that one may have. */
export function ownFirst(peers: readonly OtherPeer[], mspId: string): OtherPeer[] {
  return [...peers].sort((a, b) => Number(b.mspId === mspId) - Number(a.mspId === mspId));
}

/** Whether what was given is meant to be the set. */
export function isOf(
  set: Pick<WantedSet, "txIndex" | "namespace" | "collection"> & { readonly txId?: string },
  given: GivenSet,
): boolean {
  const isTransaction = "txId" in given ? given.txId === set.txId : given.txIndex === set.txIndex;
  return isTransaction && given.namespace === set.namespace && given.collection === set.collection;
}

export function reportWrong(
  logger: Logger,
  channel: string,
  blockNumber: number,
  { namespace, collection, txIndex }: Pick<WantedSet, "namespace" | "collection" | "txIndex">,
  from: string,
): void {
  logger.warn("private data does not match its hash and is refused", {
    channel,
    blockNumber,
    txIndex,
    chaincode: namespace,
    collection,
    from,
  });
}
