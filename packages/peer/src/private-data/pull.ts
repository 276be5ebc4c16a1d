/**
 * Asks other peers for private write sets of a block, and answers such questions.
 *
 * An answer holds what the peer keeps of the block and the one who asks may have. Of a block that it has not committed
 * yet, it gives what waits with it for the transactions that are asked for: peers commit at the same time, and may have
 * something to give each other.
 * Source: hyperledger/fabric, gossip/privdata/pull.go and dataretriever.go.
 */
import { encodeSets, readSets, type TakenSet } from "@hansa/ledger";
import type { SigningIdentity } from "@hansa/msp";
import { type Clock, messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus, type UnaryHandler } from "@hansa/transport";
import { decode, encode, hansa, toLong, toNumber } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import { isCollectionMember } from "../collections.js";
import type { OtherPeer } from "../other-peer.js";
import { visiblePrivateWrites } from "../services/private-blocks.js";
import type { AskedPeers } from "./asked.js";
import { decoded, isPeerOfMember } from "./exchange.js";

const FORMAT = "hansa.peer.private-question/1";
const PULL_TIMEOUT_MS = 3_000;
const MAX_TX_IDS = 1_000;

/** Of a transaction by its id where that is known, by its place in the block otherwise. */
export type GivenSet = TakenSet & ({ readonly txId: string } | { readonly txIndex: number });

export type Question = {
  readonly channelId: string;
  readonly blockNumber: number;
  readonly txIds: readonly string[];
};

/** @throws RpcStatus NOT_FOUND from a peer without the channel; others where it does not answer, or not as it should */
export async function askForPrivate(
  peer: OtherPeer,
  question: Question,
  options: { readonly signer: SigningIdentity; readonly clock: Clock; readonly asked?: AskedPeers | undefined },
): Promise<GivenSet[]> {
  const { mspId, address } = peer;
  const note = (outcome: string) =>
    options.asked?.note(question.channelId, question.blockNumber, { mspId, address, outcome });
  try {
    const given = await ask(peer, question, options);
    note(given.length === 0 ? "had nothing of the block" : "gave what it has of the block");
    return given;
  } catch (error) {
    note(`did not answer: ${messageOf(error)}`);
    throw error;
  }
}

async function ask(
  { connection }: OtherPeer,
  { channelId, blockNumber, txIds }: Question,
  { signer, clock }: { readonly signer: SigningIdentity; readonly clock: Clock },
): Promise<GivenSet[]> {
  const question = encode(hansa.peer.PrivateQuestion, {
    format: FORMAT,
    channelId,
    blockNumber: toLong(blockNumber),
    timestampMs: toLong(clock.now()),
    txIds: [...new Set(txIds)].slice(0, MAX_TX_IDS),
  });
  const signed = { question, creator: signer.serialized, signature: signer.sign(question) };
  const bytes = await connection.pullPrivate(encode(hansa.peer.SignedPrivateQuestion, signed), {
    timeoutMs: PULL_TIMEOUT_MS,
  });
  const { transactions } = decode(hansa.peer.PrivateBlock, bytes, "hansa.peer.PrivateBlock");
  return transactions.flatMap(({ txIndex, txId, privateRwset }) =>
    readSets(privateRwset ?? new Uint8Array(0)).map((set) =>
      txId ? { ...set, txId } : { ...set, txIndex: txIndex ?? 0 },
    ),
  );
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
    const { format, channelId, blockNumber, timestampMs, txIds } = decoded(() =>
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
    const { state } = channel.ledger;
    const reader = channel.config().msps.identity(creator);
    if (number < channel.height()) {
      const visible = await visiblePrivateWrites(state, number, reader);
      return encode(hansa.peer.PrivateBlock, {
        transactions: [...visible].map(([txIndex, privateRwset]) => ({ txIndex, privateRwset })),
      });
    }
    const isMember = ({ namespace, collection }: TakenSet) => isCollectionMember(state, namespace, collection, reader);
    const waiting = txIds.slice(0, MAX_TX_IDS).flatMap((txId) =>
      channel.transient.entries(txId).flatMap(({ privateWrites, from }) => {
        // What others passed on may be wrong; whoever asks can ask them.
        const sets = from === undefined ? readSets(privateWrites).filter(isMember) : [];
        return sets.length === 0 ? [] : [{ txId, privateRwset: encodeSets(sets) }];
      }),
    );
    if (waiting.length === 0)
      throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} has no block ${number} here yet`);
    return encode(hansa.peer.PrivateBlock, { transactions: waiting });
  };
}
