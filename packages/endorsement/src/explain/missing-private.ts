/**
 * Why a peer lacks a private value. Its message names only the version that the ledger has a hash of; the transaction
 * at that version says which collection it is, and so who should have the value.
 */
import type { Place, ShownCollection, TransactionRef } from "./explanation.js";
import { cut } from "./shown.js";
import { placeText, refText } from "./words.js";

const MISSING =
  /private data matching public hash version is not available.*?\{BlockNum: (\d{1,15}), TxNum: (\d{1,9})\}/s;
const SHORT_HASH = 16;
const MAX_PEERS = 5;
const MAX_TEXT = 1_200;

/** Where the value that a peer lacks was written, as its message says; undefined of other messages. */
export function missingPrivateAt(message: string): Place | undefined {
  const found = MISSING.exec(message);
  return found === null ? undefined : { block: Number(found[1]), index: Number(found[2]) };
}

export type PrivateOrigin = {
  readonly by: TransactionRef;
  /** Those that the transaction wrote to. */
  readonly collections: readonly (ShownCollection & { readonly namespace: string })[];
};

export type KnownPeer = { readonly mspId: string; readonly address: string };

/**
 * @param asked the peer that lacks the value
 * @param others the channel's peers that are known
 * @param questions what came of asking others for the value, each as "peer0.org1:7051 (Org1MSP), which …"
 */
export function missingPrivateText(
  { by, collections }: PrivateOrigin,
  asked: KnownPeer,
  others: readonly KnownPeer[],
  questions: readonly string[] = [],
): string | undefined {
  if (collections.length === 0) return undefined;
  const who = `${asked.address} (${asked.mspId})`;
  const lines = [
    `${who} was asked for a private value that ${placeText(by)} wrote, and does not have it.`,
    `  ${refText(by)}`,
  ];
  for (const { namespace, name, members, hash, here } of collections) {
    const where = `collection ${name} of ${namespace}`;
    const onLedger = hash === "" ? "" : ` On the ledger is its hash, ${hash.slice(0, SHORT_HASH)}….`;
    const isMember = members.includes(asked.mspId);
    const whose = members.length === 0 ? "no organisation that is known" : members.join(", ");
    lines.push(
      isMember
        ? `${where} is for ${whose}: ${asked.mspId} should have it.${onLedger}`
        : `${where} is for ${whose}: ${asked.mspId} is no member, and its peers never have it.${onLedger}`,
    );
    const holders = others.filter(({ mspId, address }) => members.includes(mspId) && address !== asked.address);
    const named = holders.slice(0, MAX_PEERS).map(({ mspId, address }) => `${address} (${mspId})`);
    if (named.length > 0)
      lines.push(`  It may be had from ${named.join(", ")}${holders.length > named.length ? ", …" : ""}.`);
    else lines.push("  No other peer of a member is known that could have it.");
    if (here === "held") lines.push("  The gateway's own peer has it.");
  }
  if (questions.length > 0) lines.push(`It has asked ${questions.slice(0, MAX_PEERS).join("; ")}.`);
  const anyMember = collections.some(({ members }) => members.includes(asked.mspId));
  lines.push(
    anyMember
      ? "What helps: ask a peer that has it, by naming its organisation as endorsing. The peer that lacks the value asks the others for it again by itself, and they must run then."
      : "What helps: have a member's peer run this, by naming its organisation as endorsing, or read the hash instead.",
  );
  return cut(lines.join("\n"), MAX_TEXT);
}
