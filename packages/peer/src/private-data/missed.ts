/**
 * Private write sets that were passed on before this peer was there, or while it could not be reached: asked of the
 * other peers when the block comes, block by block. Whatever they answer counts only as far as its hash is in the block.
 *
 * What nobody has by then stays missing, and reads of it are refused. Fabric's peers ask again later.
 * Source: hyperledger/fabric, gossip/privdata/pull.go and reconcile.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { type Ledger, missingPrivateSets, type PrivateWrites } from "@hansa/ledger";
import type { SigningIdentity } from "@hansa/msp";
import { type Clock, type Logger, messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus, type UnaryHandler } from "@hansa/transport";
import { decode, encode, hansa, toLong, toNumber } from "@hansa/wire";
import type { JudgedBlock, PeerChannel } from "../channel.js";
import type { OtherPeer } from "../config.js";
import type { PeerConnection } from "../peer-connection.js";
import { visiblePrivateWrites } from "../services/private-blocks.js";
import { decoded, isPeerOfMember } from "./exchange.js";

const FORMAT = "hansa.peer.private-question/1";
const PULL_TIMEOUT_MS = 3_000;
/** A peer that did not answer is not asked for so long: a block must not wait for it again and again. */
const SKIP_MS = 10_000;

export type MissedOptions = {
  readonly signer: SigningIdentity;
  readonly holds: PrivateWrites["holds"];
  readonly others: (config: ChannelConfig) => readonly OtherPeer[];
  readonly clock: Clock;
  readonly logger: Logger;
};

export class MissedPrivateData {
  readonly #options: MissedOptions;
  /** By address: when it may be asked again. */
  readonly #skipped = new Map<string, number>();

  constructor(options: MissedOptions) {
    this.#options = options;
  }

  /** Puts what others have of a block into the channel's transient store. Never throws: what is missing is missing. */
  async fetch(
    channel: Pick<PeerChannel, "channelId" | "config" | "transient"> & { readonly ledger: Pick<Ledger, "state"> },
    blockNumber: number,
    transactions: JudgedBlock["transactions"],
  ): Promise<void> {
    const { holds, signer, others, clock, logger } = this.#options;
    const { channelId, transient } = channel;
    const find = (txId: string) => transient.find(txId);
    const missing = () => missingPrivateSets(transactions, channel.ledger.state, { find, holds });
    if (missing().length === 0) return;
    // Those of one's own organisation may have everything that one may have.
    const peers = [...others(channel.config())].sort(
      (a, b) => Number(b.mspId === signer.mspId) - Number(a.mspId === signer.mspId),
    );
    for (const { address, connection } of peers) {
      if ((this.#skipped.get(address) ?? 0) > clock.now()) continue;
      const wanted = missing();
      if (wanted.length === 0) return;
      try {
        for (const { txIndex, privateRwset } of await pullPrivate(connection, channelId, blockNumber, signer, clock)) {
          const txId = transactions[txIndex ?? 0]?.txId;
          if (txId === undefined || !wanted.includes(txIndex ?? 0) || !privateRwset) continue;
          await transient.persist(txId, blockNumber, privateRwset);
        }
      } catch (error) {
        // A peer that is behind itself may answer at the next block.
        if (!(error instanceof RpcStatus && error.code === GrpcStatus.NOT_FOUND))
          this.#skipped.set(address, clock.now() + SKIP_MS);
        logger.warn("missed private data not given", { channel: channelId, peer: address, reason: messageOf(error) });
      }
    }
    const count = missing().length;
    if (count > 0) logger.warn("private data is missing", { channel: channelId, blockNumber, transactions: count });
  }
}

/** Asks a peer what it has of a block. @throws RpcStatus, MalformedMessage */
export async function pullPrivate(
  connection: Pick<PeerConnection, "pullPrivate">,
  channelId: string,
  blockNumber: number,
  signer: SigningIdentity,
  clock: Clock,
): Promise<readonly hansa.peer.PrivateBlock.Writes.$Properties[]> {
  const question = encode(hansa.peer.PrivateQuestion, {
    format: FORMAT,
    channelId,
    blockNumber: toLong(blockNumber),
    timestampMs: toLong(clock.now()),
  });
  const signed = { question, creator: signer.serialized, signature: signer.sign(question) };
  const bytes = await connection.pullPrivate(encode(hansa.peer.SignedPrivateQuestion, signed), {
    timeoutMs: PULL_TIMEOUT_MS,
  });
  return decode(hansa.peer.PrivateBlock, bytes, "hansa.peer.PrivateBlock").transactions;
}

/** Handler of hansa.peer.PrivateData/Pull. */
export function givePrivate(
  channelOf: (channelId: string) => PeerChannel | undefined,
  { clock, windowMs }: { readonly clock: Clock; readonly windowMs: number },
): UnaryHandler {
  return async (bytes) => {
    const { question, creator, signature } = decoded(() =>
      decode(hansa.peer.SignedPrivateQuestion, bytes, "hansa.peer.SignedPrivateQuestion"),
    );
    const { format, channelId, blockNumber, timestampMs } = decoded(() =>
      decode(hansa.peer.PrivateQuestion, question, "hansa.peer.PrivateQuestion"),
    );
    if (format !== FORMAT) throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, `the question is not of format ${FORMAT}`);
    const channel = channelOf(channelId);
    if (channel === undefined) throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} is not joined here`);
    if (!isPeerOfMember(channel.config(), creator, question, signature))
      throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, `the question comes from no peer of channel ${channelId}`);
    if (Math.abs(clock.now() - toNumber(timestampMs)) > windowMs)
      throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, "the question's time is too far from this peer's clock");
    const number = toNumber(blockNumber);
    if (number >= channel.height())
      throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} has no block ${number} here yet`);
    const reader = channel.config().msps.identity(creator);
    const visible = await visiblePrivateWrites(channel.ledger.state, number, reader);
    return encode(hansa.peer.PrivateBlock, {
      transactions: [...visible].map(([txIndex, privateRwset]) => ({ txIndex, privateRwset })),
    });
  };
}
