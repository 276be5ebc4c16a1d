/**
 * Which stream orders a network's governance strand. It has to have a name before the network is founded: that of the
 * authority which certified the orderers, by its key, and of the network. So networks whose orderers have one authority
 * can share NATS servers and know nothing of each other.
 *
 * Earlier versions named it after the authority alone, as orderers still do that are not told their network. A network
 * whose strand such a stream holds stays with it.
 */
import { GOVERNANCE_STRAND } from "@hansa/governance";
import { channelStrandId, type JournalStrand } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { applyGovernanceMessage, type GovernanceRules, NOT_FOUNDED, startGovernanceChain } from "@hansa/ordering";
import { fromUtf8, sha256 } from "@hansa/primitives";
import { findGovernanceStart } from "./governance-start.js";
import type { SharedStream, StreamSource } from "./shared-stream.js";
import { readBetween } from "./start.js";

/** How many messages that do not count may stand before a founding. */
const SEARCHED_MESSAGES = 1_024;
const READ_AT_ONCE = 32;

export type GovernanceStreamParts = {
  readonly source: StreamSource;
  readonly identity: SigningIdentity;
  readonly networkId?: string | undefined;
  /** This node's own; undefined before it has any of it. */
  readonly strand: JournalStrand | undefined;
  readonly rules: GovernanceRules;
};

/** @throws HistoryError, or what the servers throw while they cannot be reached */
export async function openGovernanceStream(parts: GovernanceStreamParts): Promise<SharedStream> {
  const { source, identity, networkId } = parts;
  const ofAuthority = governanceStreamId(identity);
  if (networkId === undefined) return source.open(ofAuthority, "the governance strand");
  const id = governanceStreamId(identity, networkId);
  const what = `the governance strand of network ${networkId}`;
  const own = await source.find(id, what);
  if (own !== undefined) return own;
  const earlier = await source.find(ofAuthority, "the governance strand");
  if (earlier !== undefined && (await isOf(networkId, earlier, parts))) return earlier;
  return source.open(id, what);
}

export function governanceStreamId({ mspId, certificate }: SigningIdentity, networkId?: string): string {
  const authority = certificate.authorityKeyId ?? certificate.issuerRaw;
  const ofAuthority = sha256(Buffer.concat([fromUtf8(`${mspId}\0`), authority]));
  if (networkId === undefined) return channelStrandId(GOVERNANCE_STRAND, ofAuthority);
  return channelStrandId(GOVERNANCE_STRAND, sha256(Buffer.concat([ofAuthority, fromUtf8(networkId)])));
}

/** Whether the stream holds this network's strand: it was founded there, or this node's journal came from there. */
async function isOf(networkId: string, stream: SharedStream, parts: GovernanceStreamParts): Promise<boolean> {
  const { first, last } = await stream.bounds();
  if (first > 1) return (await findGovernanceStart(parts.strand, stream)).knownBlock >= 0;
  let state = startGovernanceChain(stream.id, NOT_FOUNDED);
  const until = Math.min(last, SEARCHED_MESSAGES);
  for (let from = 0; from < until; from += READ_AT_ONCE) {
    for (const { message } of await readBetween(stream, from, Math.min(until, from + READ_AT_ONCE))) {
      ({ state } = applyGovernanceMessage(state, message, parts.rules));
      if (state.governance !== undefined) return state.governance.networkId === networkId;
    }
  }
  return false;
}
