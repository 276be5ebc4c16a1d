/** hansa.journal.Journal: digests and proofs over this node's strands, signed by the node, for those who may read. */
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
import { ReadAccess, readSeekEnvelope, type SeekRefusal } from "@hansa/ordering";
import { assert, type Clock, sha256 } from "@hansa/primitives";
import { type CallContext, GrpcStatus, type Handlers, RpcStatus, type UnaryHandler } from "@hansa/transport";
import { decode, encode, HeaderType, hansa, Status, type services, toLong, toNumber, WireError } from "@hansa/wire";
import type { Channels } from "./broadcast.js";

const { journal } = hansa;

export type JournalOptions = {
  readonly channels: Channels;
  /** Signs the digests. */
  readonly identity: SigningIdentity;
  readonly timeWindowMs: number;
  readonly mutualTls: boolean;
  readonly clock: Clock;
};

type Answer = (request: Uint8Array, strand: JournalStrand) => Promise<Uint8Array>;

export function journalHandlers(options: JournalOptions): Handlers<typeof services.Journal> {
  const { identity } = options;
  const guarded =
    (answer: Answer): UnaryHandler =>
    async (raw, context) => {
      const { request, strand } = admitted(raw, context, options);
      return statusOfFailure(() => answer(request, strand));
    };
  return {
    GetDigest: guarded(async (bytes, strand) => {
      const request = decode(journal.GetDigestRequest, bytes, "hansa.journal.GetDigestRequest");
      const digest = await digestOf(strand, request.tipSequenceNo);
      return encode(journal.SignedDigest, signDigest(digest, strand, identity));
    }),
    GetInclusionProof: guarded(async (bytes, strand) => {
      const request = decode(journal.GetInclusionProofRequest, bytes, "hansa.journal.GetInclusionProofRequest");
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
    GetConsistencyProof: guarded(async (bytes, strand) => {
      const request = decode(journal.GetConsistencyProofRequest, bytes, "hansa.journal.GetConsistencyProofRequest");
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
    GetBlockInfo: guarded(async (bytes, strand) => {
      const request = decode(journal.GetBlockInfoRequest, bytes, "hansa.journal.GetBlockInfoRequest");
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

/** Who asks, and for which channel. @throws RpcStatus unless the sender may read the channel */
function admitted(raw: Uint8Array, context: CallContext, options: JournalOptions) {
  const { channels, clock, timeWindowMs, mutualTls } = options;
  const tlsCertHash = context.tlsClientCert && sha256(context.tlsClientCert);
  const envelope = readSeekEnvelope(raw, { now: clock.now(), timeWindowMs, mutualTls, tlsCertHash });
  if ("kind" in envelope) throw statusOfRefusal(envelope);
  const { channelId, type } = envelope.channelHeader;
  // A transaction is signed too, and known to many: it must not open what it was not made for.
  if (type !== HeaderType.MESSAGE) {
    throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, `header type ${type} is not that of a request`);
  }
  const channel = channels.get(channelId);
  if (channel === undefined) throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} not found`);
  const denied = new ReadAccess(envelope, channel.config).evaluate(channel.config, clock.now());
  if (denied !== undefined) throw statusOfRefusal(denied);
  return { request: envelope.data, strand: channel.strand };
}

function statusOfRefusal({ status, reason }: SeekRefusal): RpcStatus {
  if (status === Status.FORBIDDEN) return new RpcStatus(GrpcStatus.PERMISSION_DENIED, reason);
  return new RpcStatus(GrpcStatus.INVALID_ARGUMENT, reason);
}

/** Bad requests and missing blocks become statuses; damage stays a failure of the call. */
async function statusOfFailure(run: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await run();
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
}
