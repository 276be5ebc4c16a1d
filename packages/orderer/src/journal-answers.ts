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
  type JournalRecord,
  type JournalStrand,
  joinLog,
  type LogProof,
  logProof,
  nodePosition,
  rootFrom,
  verifyBlock,
  verifyPath,
} from "@hansa/journal";
import { decodeSerializedIdentity, type SigningIdentity } from "@hansa/msp";
import { type Bytes, equalBytes, sha256, type UnixMs, unixMs } from "@hansa/primitives";
import { decode, encode, hansa, splitBlock, toLong, toNumber } from "@hansa/wire";

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
    : { address: { strandId, sequenceNo }, timestampMs: await timeOf(strand, sequenceNo) };
  return digestAt(last, strand);
}

/** The time that a block's hashes bind, so that nothing else of the record needs a look. Throws as `strand.block`. */
async function timeOf(strand: JournalStrand, sequenceNo: number): Promise<UnixMs> {
  return provenOf(strand, sequenceNo, ({ block }) => {
    verifyBlock(block);
    if (!equalBytes(block.blockHash, strand.node(nodePosition(0, sequenceNo)))) throw unproven(strand, block, "tree");
    return unixMs(toNumber(decode(journal.BlockBinding, block.binding, "hansa.journal.BlockBinding").timestampMs));
  });
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

/**
 * A proof is checked against the trees before it leaves, so the block need not be checked as a whole before that, which
 * takes longer than the proof. If anything does not hold it is read again with all checks, which say where.
 */
async function provenOf<T>(strand: JournalStrand, sequenceNo: number, prove: (record: JournalRecord) => T): Promise<T> {
  try {
    return await strand.peek(sequenceNo, prove);
  } catch {
    return prove(await strand.record(sequenceNo));
  }
}

/** @returns the proof of a block, or of one of its entries. Throws as `inclusionProof`, and BLOCK_NOT_FOUND */
export function inclusionProofAt(
  strand: JournalStrand,
  sequenceNo: number,
  entryIndex: number | undefined,
  digest: Digest,
  signers: DigestSigners,
): Promise<hansa.journal.IInclusionProof> {
  return provenOf(strand, sequenceNo, ({ block }) => inclusionProof(strand, block, entryIndex, digest, signers));
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
  const { envelope, proof } = await provenOf(strand, sequenceNo, ({ block, content }) => {
    const envelope = splitBlock(content).envelopes[entryIndex - 1];
    const { address, entryHashes } = block;
    if (envelope === undefined) {
      throw new JournalError({ code: "ENTRY_NOT_FOUND", address, entryIndex, entryCount: entryHashes.length });
    }
    const [expected, found] = [entryHashes[entryIndex] as Bytes, sha256(envelope)];
    if (!equalBytes(expected, found)) {
      throw new JournalError({ code: "HASH_MISMATCH", address, what: `entry ${entryIndex}`, expected, found });
    }
    return { envelope: Buffer.from(envelope), proof: inclusionProof(strand, block, entryIndex, digest, signers) };
  });
  const intermediates = (proof.digest?.signatures ?? []).flatMap((each) => intermediatesOf(each.identity, config));
  return {
    envelope,
    sequenceNo: toLong(sequenceNo),
    entryIndex,
    proof,
    intermediateCertificates: [...new Set(intermediates)].map(({ raw }) => raw),
  };
}

/** By configuration and signer: certificates are slow to read, and few sign what many ask for. */
const chains = new WeakMap<ChannelConfig, Map<string, readonly Certificate[]>>();
const MAX_CHAINS = 1_000;

/** What stands between a signer's certificate and its member's roots. */
function intermediatesOf(serialized: Bytes | null | undefined, config: ChannelConfig): readonly Certificate[] {
  const { mspid, idBytes } = decodeSerializedIdentity(serialized ?? new Uint8Array(0));
  const candidates = config.msps.get(mspid)?.intermediateCertificates ?? [];
  if (candidates.length === 0) return [];
  const known = chains.get(config) ?? new Map<string, readonly Certificate[]>();
  chains.set(config, known);
  const key = `${mspid} ${Buffer.from(idBytes).toString("latin1")}`;
  let chain = known.get(key);
  if (chain === undefined) {
    chain = chainOf(Certificate.parse(Buffer.from(idBytes).toString("utf8")), candidates);
    if (known.size >= MAX_CHAINS) known.clear();
    known.set(key, chain);
  }
  return chain;
}

function chainOf(certificate: Certificate, candidates: readonly Certificate[]): Certificate[] {
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
  const roots = (read: (digest: Digest) => Bytes) =>
    [
      { size: from, root: read(earlier) },
      { size: to, root: read(later) },
    ] as const;
  if (!isConsistent(...roots(({ hash }) => hash), path)) throw unproven(strand, { address: later.tip }, "tree");
  if (!isConsistent(...roots(({ logRoot }) => logRoot), logPath, joinLog))
    throw unproven(strand, { address: later.tip }, "log");
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
function unproven(
  strand: JournalStrand,
  { address }: Pick<JournalBlock, "address">,
  file: "tree" | "log",
): JournalError {
  const detail = "the stored nodes do not lead from the block to the digest";
  return new JournalError({ code: "DAMAGED", ...address, strandId: strand.info.strandId, file, byte: 0, detail });
}
