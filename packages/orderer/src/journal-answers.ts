/** What the journal's service answers, made from a strand. Every proof is checked before it leaves. */
import type { ChannelConfig } from "@hansa/channel-config";
import { Certificate } from "@hansa/crypto";
import {
  blockLeaf,
  blockPath,
  consistencyPath,
  type Digest,
  digestAt,
  digestBytes,
  entriesLogRoot,
  entryLeaf,
  entryPath,
  isConsistent,
  type JournalBlock,
  JournalError,
  type JournalStrand,
  joinLog,
  type LogProof,
  logProof,
  rootFrom,
  verifyPath,
} from "@hansa/journal";
import { decodeSerializedIdentity, type SigningIdentity } from "@hansa/msp";
import { type Bytes, equalBytes, sha256 } from "@hansa/primitives";
import { encode, hansa, splitBlock, toLong, toNumber } from "@hansa/wire";

const { journal } = hansa;

type Sequence = Parameters<typeof toNumber>[0];

export function sequenceNoOr(given: Sequence, fallback: number): number {
  return given === null || given === undefined ? fallback : toNumber(given);
}

export function newest(strand: JournalStrand): number {
  return strand.tip.size - 1;
}

/** The digest with this tip, or the newest. @throws JournalError BLOCK_NOT_FOUND */
export async function digestOf(strand: JournalStrand, tip: Sequence): Promise<Digest> {
  const sequenceNo = sequenceNoOr(tip, newest(strand));
  const { strandId, lastTimestampMs } = strand.tip;
  // What is asked for most need not be read from the disk.
  const isNewest = sequenceNo === newest(strand) && sequenceNo >= 0;
  const last = isNewest
    ? { address: { strandId, sequenceNo }, timestampMs: lastTimestampMs }
    : await strand.block(sequenceNo);
  return digestAt(last, strand);
}

/** Who signs digests: this node, and what members' peers have signed of the same bytes. */
export type DigestSigners = {
  readonly identity: SigningIdentity;
  readonly coSignatures?: (tipSequenceNo: number, digest: Bytes) => hansa.journal.IDigestSignature[];
};

export function signDigest(
  digest: Digest,
  strand: JournalStrand,
  { identity, coSignatures }: DigestSigners,
): hansa.journal.ISignedDigest {
  const bytes = digestBytes(digest, strand.info.name);
  const own = { identity: identity.serialized, signature: identity.sign(bytes) };
  return { digest: bytes, signatures: [own, ...(coSignatures?.(digest.tip.sequenceNo, bytes) ?? [])] };
}

/**
 * Proof of a block, or of one of its entries.
 * @throws JournalError TIP_TOO_OLD, ENTRY_NOT_FOUND; DAMAGED when what the trees hold does not lead to the digest
 */
export function inclusionProof(
  strand: JournalStrand,
  block: JournalBlock,
  entryIndex: number | undefined,
  digest: Digest,
  signers: DigestSigners,
): hansa.journal.IInclusionProof {
  const { address } = block;
  const tip = digest.tip.sequenceNo;
  const leaf = entryIndex === undefined ? block.blockHash : (block.entryHashes[entryIndex] ?? new Uint8Array(0));
  const path =
    entryIndex === undefined ? blockPath(address, tip, strand.node) : entryPath(block, entryIndex, tip, strand.node);
  const log = logProof(block, entryIndex ?? 0, tip, strand.logNode);
  const entriesRoot = entriesRootOf(block, entryIndex, log);
  if (!verifyPath(leaf, path, digest.hash)) throw unproven(strand, block, "tree");
  const top =
    entriesRoot &&
    rootFrom(
      blockLeaf(sha256(log.binding), log.entryCount, entriesRoot),
      address.sequenceNo,
      tip + 1,
      log.blockPath,
      joinLog,
    );
  if (top === undefined || !equalBytes(top, digest.logRoot)) throw unproven(strand, block, "log");
  return {
    leaf,
    path,
    digest: signDigest(digest, strand, signers),
    log: {
      binding: log.binding,
      entryCount: log.entryCount,
      entryPath: entryIndex === undefined ? [] : [...log.entryPath],
      blockPath: [...log.blockPath],
      ...(entryIndex === undefined ? { entriesRoot } : {}),
    },
  };
}

function entriesRootOf(block: JournalBlock, entryIndex: number | undefined, proof: LogProof): Bytes | undefined {
  if (entryIndex === undefined) return entriesLogRoot(block.entryHashes);
  const leaf = entryLeaf(block.entryHashes[entryIndex] as Bytes);
  return rootFrom(leaf, entryIndex, proof.entryCount, proof.entryPath, joinLog);
}

/** @throws JournalError BLOCK_NOT_FOUND, ENTRY_NOT_FOUND (entry 0 is no envelope), TIP_TOO_OLD, DAMAGED */
export async function receipt(
  strand: JournalStrand,
  request: hansa.journal.GetReceiptRequest,
  tipSequenceNo: number,
  config: ChannelConfig,
  signers: DigestSigners,
): Promise<hansa.journal.IReceipt> {
  const sequenceNo = toNumber(request.sequenceNo);
  const { entryIndex } = request;
  const digest = await digestOf(strand, tipSequenceNo);
  const { block, content } = await strand.record(sequenceNo);
  const envelope = splitBlock(content).envelopes[entryIndex - 1];
  if (envelope === undefined) {
    const { address, entryHashes } = block;
    throw new JournalError({ code: "ENTRY_NOT_FOUND", address, entryIndex, entryCount: entryHashes.length });
  }
  const proof = inclusionProof(strand, block, entryIndex, digest, signers);
  const chains = (proof.digest?.signatures ?? []).flatMap((each) => intermediatesOf(each.identity, config));
  return {
    envelope,
    sequenceNo: toLong(sequenceNo),
    entryIndex,
    proof,
    intermediateCertificates: [...new Set(chains)].map(({ raw }) => raw),
  };
}

/** What stands between a signer's certificate and its member's roots. */
function intermediatesOf(serialized: Bytes | null | undefined, config: ChannelConfig): Certificate[] {
  const { mspid, idBytes } = decodeSerializedIdentity(serialized ?? new Uint8Array(0));
  const candidates = config.msps.get(mspid)?.intermediateCertificates ?? [];
  const certificate = Certificate.parse(Buffer.from(idBytes).toString("utf8"));
  const chain: Certificate[] = [];
  for (let child = certificate; chain.length < candidates.length; ) {
    const issuer = candidates.find((each) => equalBytes(each.subjectRaw, child.issuerRaw) && child.isIssuedBy(each));
    if (issuer === undefined || chain.includes(issuer)) break;
    chain.push(issuer);
    child = issuer;
  }
  return chain;
}

/**
 * How two digests hang together.
 * @throws JournalError TIP_TOO_OLD when the earlier is the later one; DAMAGED as inclusionProof
 */
export async function consistencyProof(
  strand: JournalStrand,
  request: hansa.journal.GetConsistencyProofRequest,
  signers: DigestSigners,
): Promise<hansa.journal.IConsistencyProof> {
  const later = await digestOf(strand, request.laterTipSequenceNo);
  const earlier = await digestOf(strand, request.earlierTipSequenceNo);
  const [from, to] = [earlier.tip.sequenceNo + 1, later.tip.sequenceNo + 1];
  if (from > to) throw new JournalError({ code: "TIP_TOO_OLD", address: earlier.tip, tipSequenceNo: to - 1 });
  const path = consistencyPath(from, to, strand.node);
  const logPath = consistencyPath(from, to, strand.logNode, joinLog);
  const tip = await strand.block(to - 1);
  const roots = (read: (digest: Digest) => Bytes) =>
    [
      { size: from, root: read(earlier) },
      { size: to, root: read(later) },
    ] as const;
  if (!isConsistent(...roots(({ hash }) => hash), path)) throw unproven(strand, tip, "tree");
  if (!isConsistent(...roots(({ logRoot }) => logRoot), logPath, joinLog)) throw unproven(strand, tip, "log");
  return {
    path,
    logPath,
    earlier: signDigest(earlier, strand, signers),
    later: signDigest(later, strand, signers),
  };
}

export function blockMessage({ address, entryHashes, ...rest }: JournalBlock): hansa.journal.IJournalBlock {
  const { strandId, sequenceNo } = address;
  return { ...rest, address: { strandId, sequenceNo: toLong(sequenceNo) }, entryHashes: [...entryHashes] };
}

export async function recordMessage(strand: JournalStrand, sequenceNo: number): Promise<Uint8Array> {
  const { block, content } = await strand.record(sequenceNo);
  return encode(journal.JournalRecord, { block: blockMessage(block), content });
}

/** The blocks are checked when they are read, so it is the tree's file that must be wrong. */
function unproven(strand: JournalStrand, { address }: JournalBlock, file: "tree" | "log"): JournalError {
  const detail = "the stored nodes do not lead from the block to the digest";
  return new JournalError({ code: "DAMAGED", ...address, strandId: strand.info.strandId, file, byte: 0, detail });
}
