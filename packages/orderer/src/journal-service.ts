/** hansa.journal.Journal: digests and proofs over this node's strands, signed by the node, for those who may read. */
import { GOVERNANCE_STRAND } from "@hansa/governance";
import { JournalError, type JournalStrand } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { ReadAccess, readSeekEnvelope, type SeekRefusal } from "@hansa/ordering";
import { type Clock, sha256 } from "@hansa/primitives";
import {
  type CallContext,
  GrpcStatus,
  type Handlers,
  RpcStatus,
  type Send,
  type ServerStreamHandler,
  type UnaryHandler,
} from "@hansa/transport";
import { decode, encode, HeaderType, hansa, Status, type services, toNumber, WireError } from "@hansa/wire";
import type { Channels } from "./broadcast.js";
import { StrandAccess } from "./governance-access.js";
import type { GovernanceOrder } from "./governance-order.js";
import {
  blockMessage,
  consistencyProof,
  type DigestSigners,
  digestOf,
  inclusionProofAt,
  newest,
  receipt,
  recordMessage,
  sequenceNoOr,
  signDigest,
} from "./journal-answers.js";
import type { JournalAnswer, Source } from "./journal-source.js";
import type { WitnessDesks } from "./witness/desks.js";
import { receiptTip, witnessed, witnessHandlers } from "./witness/witness-service.js";
import { writtenBlocks } from "./written.js";

const { journal } = hansa;

export type JournalOptions = {
  readonly channels: Channels;
  /** Answers for the strand of the members' acts. */
  readonly governance: GovernanceOrder;
  /** Signs the digests. */
  readonly identity: SigningIdentity;
  /** Where members' peers sign them too. */
  readonly witnesses: WitnessDesks;
  readonly timeWindowMs: number;
  readonly mutualTls: boolean;
  readonly clock: Clock;
};

export function journalHandlers(options: JournalOptions): Handlers<typeof services.Journal> {
  const { identity, witnesses } = options;
  const guarded =
    (answer: JournalAnswer): UnaryHandler =>
    async (raw, context) => {
      const { request, source } = admitted(raw, context, options);
      return statusOfFailure(() => answer(request, source, context.signal));
    };
  const signersOf = async ({ channel }: Source): Promise<DigestSigners> => {
    if (channel === undefined) return { identity };
    const desk = await witnesses.of(channel);
    return { identity, coSignatures: (tip, digest) => desk.signatures(tip, digest) };
  };
  const streamBlocks: ServerStreamHandler = async (raw, context, send) => {
    const { request, source } = admitted(raw, context, options);
    await statusOfFailure(() => sendBlocks(request, source.strand, context.signal, send));
  };
  return {
    ...witnessHandlers(witnesses, identity, guarded, (raw, context) => admitted(raw, context, options)),
    GetDigest: guarded(async (bytes, source, signal) => {
      const { strand } = source;
      const request = decode(journal.GetDigestRequest, bytes, "hansa.journal.GetDigestRequest");
      const digest = await digestOf(strand, request.tipSequenceNo);
      await witnessed(witnesses, source, digest.tip.sequenceNo, request.waitMs, signal);
      return encode(journal.SignedDigest, signDigest(digest, strand, await signersOf(source)));
    }),
    GetInclusionProof: guarded(async (bytes, source) => {
      const { strand } = source;
      const request = decode(journal.GetInclusionProofRequest, bytes, "hansa.journal.GetInclusionProofRequest");
      const digest = await digestOf(strand, request.tipSequenceNo);
      const { entryIndex } = request;
      const signers = await signersOf(source);
      const proof = await inclusionProofAt(
        strand,
        toNumber(request.sequenceNo),
        entryIndex ?? undefined,
        digest,
        signers,
      );
      return encode(journal.InclusionProof, proof);
    }),
    GetConsistencyProof: guarded(async (bytes, source) => {
      const request = decode(journal.GetConsistencyProofRequest, bytes, "hansa.journal.GetConsistencyProofRequest");
      return encode(journal.ConsistencyProof, await consistencyProof(source.strand, request, await signersOf(source)));
    }),
    GetBlockInfo: guarded(async (bytes, { strand }) => {
      const request = decode(journal.GetBlockInfoRequest, bytes, "hansa.journal.GetBlockInfoRequest");
      const block = await strand.block(sequenceNoOr(request.sequenceNo, newest(strand)));
      return encode(journal.JournalBlock, blockMessage(block));
    }),
    GetReceipt: guarded(async (bytes, source, signal) => {
      const { strand, channel } = source;
      const request = decode(journal.GetReceiptRequest, bytes, "hansa.journal.GetReceiptRequest");
      if (channel === undefined) {
        const reason = "governance records have no receipt of a transaction; ask for an inclusion proof";
        throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, reason);
      }
      const tip = await receiptTip(witnesses, channel, request);
      await witnessed(witnesses, source, tip, request.waitMs, signal);
      return encode(journal.Receipt, await receipt(strand, request, tip, channel.config, await signersOf(source)));
    }),
    GetWritten: guarded(async (bytes, { strand }, signal) => {
      const request = decode(journal.GetWrittenRequest, bytes, "hansa.journal.GetWrittenRequest");
      const first = request.strandId === strand.info.strandId ? toNumber(request.firstSequenceNo) : 0;
      return encode(journal.WrittenBlocks, await writtenBlocks(strand, first, signal));
    }),
    StreamBlocks: streamBlocks,
  };
}

async function sendBlocks(bytes: Uint8Array, strand: JournalStrand, signal: AbortSignal, send: Send): Promise<void> {
  const request = decode(journal.StreamBlocksRequest, bytes, "hansa.journal.StreamBlocksRequest");
  const first = toNumber(request.firstSequenceNo);
  const last = sequenceNoOr(request.lastSequenceNo, newest(strand));
  // Before the first block is sent: a request beyond the end gets nothing rather than a part.
  await strand.block(last);
  for (let sequenceNo = first; sequenceNo <= last && !signal.aborted; sequenceNo++) {
    await send(await recordMessage(strand, sequenceNo));
  }
}

/** Who asks, and for which strand. @throws RpcStatus unless the sender may read it */
function admitted(
  raw: Uint8Array,
  context: CallContext,
  options: JournalOptions,
): { request: Uint8Array; source: Source } {
  const { channels, governance, clock, timeWindowMs, mutualTls } = options;
  const tlsCertHash = context.tlsClientCert && sha256(context.tlsClientCert);
  const envelope = readSeekEnvelope(raw, { now: clock.now(), timeWindowMs, mutualTls, tlsCertHash });
  if ("kind" in envelope) throw statusOfRefusal(envelope);
  const { channelId, type } = envelope.channelHeader;
  const { creator } = envelope.signatureHeader;
  // A transaction is signed too, and known to many: it must not open what it was not made for.
  if (type !== HeaderType.MESSAGE) {
    throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, `header type ${type} is not that of a request`);
  }
  if (channelId === GOVERNANCE_STRAND) {
    const { strand, state } = governance;
    if (strand === undefined || state === undefined) {
      throw new RpcStatus(GrpcStatus.NOT_FOUND, "no network is founded on this node");
    }
    const denied = new StrandAccess(envelope, governance.identities).evaluate(state, clock.now());
    if (denied !== undefined) throw statusOfRefusal(denied);
    return { request: envelope.data, source: { strand, channel: undefined, creator, recheck: () => {} } };
  }
  const channel = channels.get(channelId);
  if (channel === undefined) throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} not found`);
  const access = new ReadAccess(envelope, channel.config);
  const recheck = () => {
    const denied = access.evaluate(channel.config, clock.now());
    if (denied !== undefined) throw statusOfRefusal(denied);
  };
  recheck();
  return { request: envelope.data, source: { strand: channel.strand, channel, creator, recheck } };
}

export function statusOfRefusal({ status, reason }: SeekRefusal): RpcStatus {
  if (status === Status.FORBIDDEN) return new RpcStatus(GrpcStatus.PERMISSION_DENIED, reason);
  return new RpcStatus(GrpcStatus.INVALID_ARGUMENT, reason);
}

/** Bad requests and missing blocks become statuses; damage stays a failure of the call. */
async function statusOfFailure<T>(run: () => Promise<T>): Promise<T> {
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
