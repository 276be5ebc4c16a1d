/**
 * The peers that a channel has, this one included, and which of them to ask first.
 * Source: hyperledger/fabric, internal/pkg/gateway/registry.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { PlanMember } from "@hansa/endorsement/plan";
import type { Identity } from "@hansa/msp";
import type { CancelSignal, MspId } from "@hansa/primitives";
import { common, decode, protos } from "@hansa/wire";
import { judgeRefusal, judgeResponse, judgeSilence, type Verdict } from "./failure.js";
import type { GatewayHost, GatewayPeer } from "./host.js";

const SYSTEM_CHAINCODES: ReadonlySet<string> = new Set(["_lifecycle", "cscc", "lscc", "qscc"]);

/** A second of blocks under load, which is how old a peer's word may be. */
const CLOSE_BLOCKS = 20;

export type Endorser = PlanMember & {
  readonly address: string;
  readonly mspId: MspId;
  readonly isLocal: boolean;
  readonly ledgerHeight: number;
  hasChaincode(chaincode: string): boolean;
  /** Never throws: what came of it is the verdict. */
  ask(signedProposal: Uint8Array, signal: CancelSignal): Promise<Verdict>;
};

/** All peers of a channel; none when this peer has not joined it. */
export function endorsersOf(host: GatewayHost, channelId: string, timeoutMs: number): Endorser[] {
  const config = host.channel(channelId);
  if (config === undefined) return [];
  const satisfies = (mspId: MspId, identity: Uint8Array | undefined, principal: common.IMSPPrincipal) => {
    if (identity === undefined) return isPeerRole(mspId, principal);
    return identityOf(config, identity)?.satisfies(principal) ?? false;
  };
  const local: Endorser = {
    address: host.address,
    mspId: host.mspId,
    isLocal: true,
    ledgerHeight: host.ledgerHeight(channelId),
    hasChaincode: (name) => SYSTEM_CHAINCODES.has(name) || host.hasChaincode(channelId, name),
    satisfies: (principal) => satisfies(host.mspId, host.identity, principal),
    ask: (signedProposal, signal) => askLocal(host, signedProposal, signal),
  };
  const remote = host.peers(channelId).map(
    (peer): Endorser => ({
      address: peer.endpoint,
      mspId: peer.mspId,
      isLocal: false,
      // Nothing heard of a peer says that it may not be there.
      ledgerHeight: peer.ledgerHeight === undefined ? 0 : levelled(peer.ledgerHeight, local.ledgerHeight),
      // A peer that does not say what it has may have whatever the channel defines, and nothing else.
      hasChaincode: (name) =>
        SYSTEM_CHAINCODES.has(name) || (peer.chaincodes?.has(name) ?? host.definition(channelId, name) !== undefined),
      satisfies: (principal) => satisfies(peer.mspId, peer.identity, principal),
      ask: (signedProposal, signal) => askRemote(peer, signedProposal, timeoutMs, signal),
    }),
  );
  return [local, ...remote];
}

/**
 * What another peer said of its height is a moment old, and blocks reach peers some milliseconds apart: only a clear lead
 * is worth a call over the network, and only a clear lag speaks against a peer.
 */
function levelled(told: number, own: number): number {
  return Math.abs(told - own) <= CLOSE_BLOCKS ? own : told;
}

/** By the bytes' own object: peers keep theirs, and hashing a certificate for each question is dear. */
const identities = new WeakMap<ChannelConfig, WeakMap<Uint8Array, Identity | "unknown">>();

function identityOf(config: ChannelConfig, serialized: Uint8Array): Identity | undefined {
  let known = identities.get(config);
  if (known === undefined) {
    known = new WeakMap();
    identities.set(config, known);
  }
  let identity = known.get(serialized);
  if (identity === undefined) {
    try {
      identity = config.msps.identity(serialized);
    } catch {
      identity = "unknown";
    }
    known.set(serialized, identity);
  }
  return identity === "unknown" ? undefined : identity;
}

async function askLocal(host: GatewayHost, signedProposal: Uint8Array, signal: CancelSignal): Promise<Verdict> {
  try {
    return judgeBytes(await host.endorseLocal(signedProposal, signal));
  } catch (error) {
    return judgeRefusal(error);
  }
}

async function askRemote(
  peer: GatewayPeer,
  signedProposal: Uint8Array,
  timeoutMs: number,
  signal: CancelSignal,
): Promise<Verdict> {
  try {
    return judgeBytes(await peer.client.processProposal(signedProposal, { timeoutMs, signal }));
  } catch (error) {
    return judgeSilence(error);
  }
}

function judgeBytes(bytes: Uint8Array): Verdict {
  return judgeResponse(decode(protos.ProposalResponse, bytes, "ProposalResponse"));
}

/** Highest ledger first; of equals this peer, then the order given. */
export function byHeight(endorsers: readonly Endorser[]): Endorser[] {
  return [...endorsers].sort((a, b) => b.ledgerHeight - a.ledgerHeight || Number(b.isLocal) - Number(a.isLocal));
}

/** Peers that have the chaincode, per organisation, best first. */
export function byOrganization(endorsers: readonly Endorser[], chaincode: string): Map<MspId, Endorser[]> {
  const organizations = new Map<MspId, Endorser[]>();
  for (const endorser of byHeight(endorsers)) {
    if (!endorser.hasChaincode(chaincode)) continue;
    const peers = organizations.get(endorser.mspId);
    if (peers === undefined) organizations.set(endorser.mspId, [endorser]);
    else peers.push(endorser);
  }
  return organizations;
}

/** Whether whoever is a peer of the organisation satisfies the principal. */
function isPeerRole(mspId: MspId, principal: common.IMSPPrincipal): boolean {
  if ((principal.principalClassification ?? 0) !== common.MSPPrincipal.Classification.ROLE) return false;
  const { mspIdentifier, role } = decode(common.MSPRole, principal.principal ?? new Uint8Array(0), "MSPRole");
  const { MEMBER, PEER } = common.MSPRole.MSPRoleType;
  return mspIdentifier === mspId && (role === MEMBER || role === PEER);
}
