/**
 * What a peer says of itself, in the two gossip messages that clients of the discovery service decode: that it is alive
 * and where it is reached, and how far it is in a channel. Each is signed by the peer that it tells of.
 *
 * Only the messages are gossip's; they travel by the exchange of this folder.
 * Source: hyperledger/fabric, gossip/discovery/discovery_impl.go, gossip/gossip/channel/channel.go (GenerateMAC),
 * internal/peer/gossip/mcs.go (GetPKIidOfCert).
 */
import { decodeSerializedIdentity, type Identity, type SigningIdentity } from "@hansa/msp";
import { type Bytes, concatBytes, equalBytes, fromUtf8, NO_BYTES, sha256 } from "@hansa/primitives";
import { decode, encode, gossip, toBigInt, toLong, toNumber } from "@hansa/wire";

/** Orders the messages of one peer: by its start, in ns since 1970, then within it. */
export type PeerTime = { readonly startedAt: bigint; readonly sequence: bigint };

export type SignedEnvelope = { readonly payload: Bytes; readonly signature: Bytes };

export type Alive = { readonly endpoint: string; readonly time: PeerTime };

export type ChannelState = {
  /** Count of blocks. */
  readonly height: number;
  /** Chaincodes that it can run by a committed definition: name → sequence of the definition. */
  readonly chaincodes: ReadonlyMap<string, number>;
};

const MAX_PAYLOAD_BYTES = 64 * 1024;
const MAX_CHAINCODES = 1_000;
const ENDPOINT = /^(?=.{3,261}$)(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})$/;

/** By which gossip messages name a peer: SHA-256 over MSP id and certificate. @throws MspError MALFORMED */
export function pkiIdOf(serialized: Bytes): Bytes {
  const { mspid, idBytes } = decodeSerializedIdentity(serialized);
  return sha256(concatBytes(fromUtf8(mspid), idBytes));
}

/** Whether a text can be an address to connect to. */
export function isEndpoint(text: string): boolean {
  const port = Number(ENDPOINT.exec(text)?.[2] ?? 0);
  return port > 0 && port < 65_536;
}

export function aliveMessage(signer: SigningIdentity, { endpoint, time }: Alive): SignedEnvelope {
  const membership = { endpoint, pkiId: pkiIdOf(signer.serialized) };
  return signed(signer, { tag: gossip.GossipMessage.Tag.EMPTY, aliveMsg: { membership, timestamp: toPeerTime(time) } });
}

export function stateMessage(
  signer: SigningIdentity,
  channelId: string,
  { height, chaincodes }: ChannelState,
  time: PeerTime,
): SignedEnvelope {
  const pkiId = pkiIdOf(signer.serialized);
  return signed(signer, {
    tag: gossip.GossipMessage.Tag.CHAN_OR_ORG,
    stateInfo: {
      timestamp: toPeerTime(time),
      pkiId,
      channel_MAC: channelMac(pkiId, channelId),
      properties: {
        ledgerHeight: toLong(height),
        // Of a definition, Fabric's peers give the sequence for the version.
        chaincodes: [...chaincodes].map(([name, sequence]) => ({ name, version: String(sequence) })),
      },
    },
  });
}

/** @returns undefined when it is none, or not by this identity */
export function readAlive(envelope: gossip.IEnvelope | null | undefined, by: Identity): Alive | undefined {
  const { membership, timestamp } = verified(envelope, by)?.aliveMsg ?? {};
  if (!membership || !timestamp || !isEndpoint(membership.endpoint ?? "")) return undefined;
  if (!equalBytes(membership.pkiId ?? NO_BYTES, pkiIdOf(by.serialized))) return undefined;
  return { endpoint: membership.endpoint ?? "", time: fromPeerTime(timestamp) };
}

/** @returns undefined when it is none, or not by this identity, or of another channel */
export function readState(
  envelope: gossip.IEnvelope | null | undefined,
  channelId: string,
  by: Identity,
): (ChannelState & { readonly time: PeerTime }) | undefined {
  const { properties, timestamp, pkiId, channel_MAC: mac } = verified(envelope, by)?.stateInfo ?? {};
  if (!properties || !timestamp || properties.leftChannel) return undefined;
  const expected = pkiIdOf(by.serialized);
  if (!equalBytes(pkiId ?? NO_BYTES, expected)) return undefined;
  if (!equalBytes(mac ?? NO_BYTES, channelMac(expected, channelId))) return undefined;
  const told = properties.chaincodes ?? [];
  if (told.length > MAX_CHAINCODES) return undefined;
  const chaincodes = new Map(told.map(({ name, version }) => [name ?? "", Number(version ?? 0)]));
  try {
    return { height: toNumber(properties.ledgerHeight), chaincodes, time: fromPeerTime(timestamp) };
  } catch {
    return undefined;
  }
}

/** Whether the first was made after the second. */
export function isNewer(one: PeerTime, other: PeerTime): boolean {
  if (one.startedAt !== other.startedAt) return one.startedAt > other.startedAt;
  return one.sequence > other.sequence;
}

function signed(signer: SigningIdentity, message: gossip.GossipMessage.$Properties): SignedEnvelope {
  const payload = encode(gossip.GossipMessage, message);
  return { payload, signature: signer.sign(payload) };
}

function verified(envelope: gossip.IEnvelope | null | undefined, by: Identity): gossip.GossipMessage | undefined {
  const payload = envelope?.payload ?? NO_BYTES;
  if (payload.length === 0 || payload.length > MAX_PAYLOAD_BYTES) return undefined;
  if (!by.verify(payload, envelope?.signature ?? NO_BYTES)) return undefined;
  try {
    return decode(gossip.GossipMessage, payload, "gossip.GossipMessage");
  } catch {
    return undefined;
  }
}

function channelMac(pkiId: Bytes, channelId: string): Bytes {
  return sha256(concatBytes(pkiId, fromUtf8(channelId)));
}

function toPeerTime({ startedAt, sequence }: PeerTime): gossip.IPeerTime {
  return { incNum: toLong(startedAt), seqNum: toLong(sequence) };
}

function fromPeerTime({ incNum, seqNum }: gossip.IPeerTime): PeerTime {
  return { startedAt: toBigInt(incNum), sequence: toBigInt(seqNum) };
}
