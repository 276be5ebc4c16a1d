/** hansa.journal.Journal: digests and proofs over this node's strands, signed by the node. */
import {
  blockPath,
  consistencyPath,
  type Digest,
  digestAt,
  entryPath,
  isConsistent,
  JournalError,
  type JournalStrand,
  verifyPath,
} from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { assert } from "@hansa/primitives";
import { GrpcStatus, type Handlers, RpcStatus, type UnaryHandler } from "@hansa/transport";
import { decode, encode, hansa, type services, toLong, toNumber, WireError } from "@hansa/wire";
import type { Channels } from "./broadcast.js";

const { journal } = hansa;

export function journalHandlers(channels: Channels, identity: SigningIdentity): Handlers<typeof services.Journal> {
  const strandOf = (channelId: string): JournalStrand => {
    const channel = channels.get(channelId);
    if (channel === undefined) throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} not found`);
    return channel.strand;
  };
  return {
    GetDigest: guarded(async (bytes) => {
      const request = decode(journal.GetDigestRequest, bytes, "hansa.journal.GetDigestRequest");
      const strand = strandOf(request.channelId);
      const digest = await digestOf(strand, request.tipSequenceNo);
      return encode(journal.SignedDigest, signDigest(digest, strand, identity));
    }),
    GetInclusionProof: guarded(async (bytes) => {
      const request = decode(journal.GetInclusionProofRequest, bytes, "hansa.journal.GetInclusionProofRequest");
      const strand = strandOf(request.channelId);
      const digest = await digestOf(strand, request.tipSequenceNo);
      const tip = digest.tip.sequenceNo;
      const block = await strand.block(toNumber(request.sequenceNo));
      const index = request.entryIndex ?? undefined;
      const path =
        index === undefined ? blockPath(block.address, tip, strand.node) : entryPath(block, index, tip, strand.node);
      const leaf = index === undefined ? block.blockHash : (block.entryHashes[index] as Uint8Array);
      assert(verifyPath(leaf, path, digest.hash), `proof of block ${request.sequenceNo} does not lead to the digest`);
      return encode(journal.InclusionProof, { leaf, path, digest: signDigest(digest, strand, identity) });
    }),
    GetConsistencyProof: guarded(async (bytes) => {
      const request = decode(journal.GetConsistencyProofRequest, bytes, "hansa.journal.GetConsistencyProofRequest");
      const strand = strandOf(request.channelId);
      const later = await digestOf(strand, request.laterTipSequenceNo);
      const earlier = await digestOf(strand, request.earlierTipSequenceNo);
      const [from, to] = [earlier.tip.sequenceNo + 1, later.tip.sequenceNo + 1];
      if (from > to) {
        throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, `tip ${from - 1} is newer than tip ${to - 1}`);
      }
      const path = consistencyPath(from, to, strand.node);
      const holds = isConsistent({ size: from, root: earlier.hash }, { size: to, root: later.hash }, path);
      assert(holds, `digest ${to - 1} does not extend digest ${from - 1}`);
      return encode(journal.ConsistencyProof, {
        path,
        earlier: signDigest(earlier, strand, identity),
        later: signDigest(later, strand, identity),
      });
    }),
    GetBlockInfo: guarded(async (bytes) => {
      const request = decode(journal.GetBlockInfoRequest, bytes, "hansa.journal.GetBlockInfoRequest");
      const strand = strandOf(request.channelId);
      const block = await strand.block(sequenceNoOr(request.sequenceNo, strand.tip.size - 1));
      const { address, timestampMs, entryHashes } = block;
      return encode(journal.JournalBlock, { ...block, address, timestampMs, entryHashes: [...entryHashes] });
    }),
  };
}

type Sequence = Parameters<typeof toNumber>[0];

function sequenceNoOr(given: Sequence, fallback: number): number {
  return given === null || given === undefined ? fallback : toNumber(given);
}

async function digestOf(strand: JournalStrand, tip: Sequence): Promise<Digest> {
  return digestAt(await strand.block(sequenceNoOr(tip, strand.tip.size - 1)), strand.node);
}

function signDigest(digest: Digest, strand: JournalStrand, identity: SigningIdentity): hansa.journal.ISignedDigest {
  const bytes = encode(journal.Digest, {
    hash: digest.hash,
    tip: { strandId: digest.tip.strandId, sequenceNo: toLong(digest.tip.sequenceNo) },
    channelId: strand.info.name,
    tipTimestampMs: digest.tipTimestampMs,
  });
  return { digest: bytes, signatures: [{ identity: identity.serialized, signature: identity.sign(bytes) }] };
}

/** Bad requests and missing blocks become statuses; damage stays a failure of the call. */
function guarded(handler: (request: Uint8Array) => Promise<Uint8Array>): UnaryHandler {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      if (error instanceof WireError) throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, error.message);
      if (error instanceof JournalError) {
        const { code } = error.fault;
        if (code === "BLOCK_NOT_FOUND" || code === "ENTRY_NOT_FOUND") {
          throw new RpcStatus(GrpcStatus.NOT_FOUND, error.message);
        }
        if (code === "TIP_TOO_OLD") throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, error.message);
        throw new RpcStatus(GrpcStatus.DATA_LOSS, error.message);
      }
      throw error;
    }
  };
}
