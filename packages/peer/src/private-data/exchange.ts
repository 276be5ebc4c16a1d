/**
 * Passes private write sets to the peers that may have them, and takes those that others pass on.
 *
 * What comes in waits in the transient store for its block; only what hashes to what the block says is ever used. So a
 * sender can do no more harm than fill that store, which is bounded, and it must be a peer of a member of the channel.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { PrivateWrites } from "@hansa/endorsement/chaincode";
import { readSets } from "@hansa/ledger";
import { rolePrincipal, type SigningIdentity } from "@hansa/msp";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus, type UnaryHandler } from "@hansa/transport";
import { decode, encode, hansa, toLong, toNumber } from "@hansa/wire";
import type { OtherPeer } from "../other-peer.js";
import type { TransientStore } from "../transient-store.js";
import { type Consignment, encodeShare, planDistribution } from "./distribution.js";

/** Source: hyperledger/fabric, sampleconfig/core.yaml (peer.gossip.pvtData.pushAckTimeout). */
const PUSH_TIMEOUT_MS = 3_000;
const TX_ID = /^[0-9a-f]{64}$/;

export type PushTarget = {
  readonly config: ChannelConfig;
  readonly transient: TransientStore;
  readonly height: number;
};

export type DistributionOptions = {
  readonly signer: SigningIdentity;
  readonly logger: Logger;
  /** A whole number from 0 up to and without its argument. */
  readonly pick: (below: number) => number;
  /** Whether this peer itself keeps a collection's data. */
  readonly isHeld: (chaincode: string, collection: string) => boolean;
};

/** @throws HansaError when fewer peers confirmed than a collection requires */
export async function distribute(
  writes: PrivateWrites,
  peers: readonly OtherPeer[],
  { signer, logger, pick, isHeld }: DistributionOptions,
): Promise<void> {
  const { channelId, txId, height } = writes;
  const send = async (peer: OtherPeer, consignments: readonly Consignment<OtherPeer>[]): Promise<boolean> => {
    const privateRwset = encodeShare(writes.writes.dataModel, consignments);
    const body = encode(hansa.peer.PrivateWrites, { channelId, txId, height: toLong(height), privateRwset });
    const signed = { writes: body, creator: signer.serialized, signature: signer.sign(body) };
    try {
      const request = encode(hansa.peer.SignedPrivateWrites, signed);
      await peer.connection.pushPrivate(request, { timeoutMs: PUSH_TIMEOUT_MS });
      return true;
    } catch (error) {
      const fields = { channel: channelId, txId, peer: peer.address, reason: messageOf(error) };
      logger.warn("private data not passed on", fields);
      return false;
    }
  };
  try {
    const consignments = planDistribution(writes, peers, { pick, isHeld });
    const shares = new Map<OtherPeer, Consignment<OtherPeer>[]>();
    for (const consignment of consignments) {
      for (const peer of consignment.first) shares.set(peer, [...(shares.get(peer) ?? []), consignment]);
    }
    const confirmed = new Set<OtherPeer>();
    await Promise.all(
      [...shares].map(async ([peer, share]) => {
        if (await send(peer, share)) confirmed.add(peer);
      }),
    );
    let failed = 0;
    for (const consignment of consignments) {
      let count = consignment.first.filter((peer) => confirmed.has(peer)).length;
      for (const peer of consignment.rest) {
        if (count >= consignment.required) break;
        if (await send(peer, [consignment])) count += 1;
      }
      failed += Math.max(0, consignment.required - count);
    }
    if (failed === 0) return;
    const all = consignments.reduce((sum, { first }) => sum + first.length, 0);
    throw new HansaError("TOO_FEW_PEERS", `Failed disseminating ${failed} out of ${all} private dissemination plans`);
  } catch (cause) {
    const text = `failed to distribute private collection, txID ${txId}, channel ${channelId}: ${messageOf(cause)}`;
    throw new HansaError("PRIVATE_DATA_NOT_DISTRIBUTED", text, { cause });
  }
}

/** Handler of hansa.peer.PrivateData/Push. */
export function receivePrivate(target: (channelId: string) => PushTarget | undefined): UnaryHandler {
  return async (bytes) => {
    const { writes, creator, signature } = decoded(() =>
      decode(hansa.peer.SignedPrivateWrites, bytes, "hansa.peer.SignedPrivateWrites"),
    );
    const { channelId, txId, height, privateRwset } = decoded(() =>
      decode(hansa.peer.PrivateWrites, writes, "hansa.peer.PrivateWrites"),
    );
    const channel = target(channelId);
    if (channel === undefined) throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} is not joined here`);
    if (!TX_ID.test(txId)) throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, "the transaction id is malformed");
    if (!isPeerOfMember(channel.config, creator, writes, signature)) {
      throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, `private data comes from no peer of channel ${channelId}`);
    }
    decoded(() => readSets(privateRwset));
    const { mspId, certificate } = channel.config.msps.identity(creator);
    const from = `${certificate.subject} of ${mspId}`;
    // Its age is counted from here on: a sender that is ahead or behind must not decide how long this peer keeps it.
    await channel.transient.persist(txId, Math.min(toNumber(height), channel.height), privateRwset, from);
    return encode(hansa.peer.PrivateWritesReceipt, {});
  };
}

export function isPeerOfMember(
  config: ChannelConfig,
  creator: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const identity = config.msps.identity(creator);
    const isMember = config.applicationOrgs().some(({ mspId }) => mspId === identity.mspId);
    return isMember && identity.satisfies(rolePrincipal(identity.mspId, "peer")) && identity.verify(message, signature);
  } catch {
    return false;
  }
}

export function decoded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, messageOf(error));
  }
}
