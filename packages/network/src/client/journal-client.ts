/** Asks an orderer's Journal service about one channel, in the name of one who may read it. */
import { randomBytes } from "node:crypto";
import type { JournalRecord } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { HansaError, NO_BYTES, unixMs } from "@hansa/primitives";
import { GrpcStatus, type MethodDefinition, RpcStatus } from "@hansa/transport";
import { decode, encode, HeaderType, hansa, services, signedEnvelope, toLong, toNumber } from "@hansa/wire";
import type { Target } from "./admin-client.js";

const { journal } = hansa;
const { GetDigest, GetReceipt, GetWritten, ListDigests, StreamBlocks } = services.Journal.methods;
const CALL_TIMEOUT_MS = 30_000;
const NONCE_BYTES = 24;

export class JournalClient {
  readonly #orderer: Target;
  readonly #reader: SigningIdentity;
  readonly channelId: string;

  constructor(orderer: Target, reader: SigningIdentity, channelId: string) {
    this.#orderer = orderer;
    this.#reader = reader;
    this.channelId = channelId;
  }

  /**
   * The newest digest, or the one with this tip.
   * @param waitMs how long to wait at most for peers of a majority of the members to sign it too
   * @throws HansaError NODE_UNREACHABLE, TIMED_OUT, JOURNAL_REFUSED
   */
  async digest(tipSequenceNo?: number, waitMs = 0): Promise<hansa.journal.SignedDigest> {
    const tip = tipSequenceNo === undefined ? {} : { tipSequenceNo: toLong(tipSequenceNo) };
    const answer = await this.#ask(GetDigest, encode(journal.GetDigestRequest, { ...tip, waitMs }));
    return decode(journal.SignedDigest, answer, "hansa.journal.SignedDigest");
  }

  /** Digests that peers have signed, newest first, of those that cover a block. Throws as `digest`. */
  async digests(fromSequenceNo: number, limit: number): Promise<hansa.journal.DigestList> {
    const request = encode(journal.ListDigestsRequest, { fromSequenceNo: toLong(fromSequenceNo), limit });
    return decode(journal.DigestList, await this.#ask(ListDigests, request), "hansa.journal.DigestList");
  }

  /** @param entryIndex from 1 on. @param waitMs as for `digest`. Throws as `digest`. */
  async receipt(sequenceNo: number, entryIndex: number, waitMs = 0): Promise<hansa.journal.Receipt> {
    const request = encode(journal.GetReceiptRequest, { sequenceNo: toLong(sequenceNo), entryIndex, waitMs });
    return decode(journal.Receipt, await this.#ask(GetReceipt, request), "hansa.journal.Receipt");
  }

  /** Who wrote how much from a block on, as far as one answer goes; no blocks: there are no more. Throws as `digest`. */
  async written(strandId: string, firstSequenceNo: number): Promise<hansa.journal.WrittenBlocks> {
    const request = encode(journal.GetWrittenRequest, { strandId, firstSequenceNo: toLong(firstSequenceNo) });
    return decode(journal.WrittenBlocks, await this.#ask(GetWritten, request), "hansa.journal.WrittenBlocks");
  }

  /** Blocks up to this one, or to the newest, in order. Throws as `digest`. */
  async *records(lastSequenceNo?: number, firstSequenceNo = 0): AsyncGenerator<JournalRecord> {
    const request = encode(journal.StreamBlocksRequest, {
      firstSequenceNo: toLong(firstSequenceNo),
      ...(lastSequenceNo === undefined ? {} : { lastSequenceNo: toLong(lastSequenceNo) }),
    });
    const stream = this.#orderer.rpc.serverStream(StreamBlocks, this.#envelope(request));
    try {
      for await (const bytes of stream.incoming) yield readRecord(bytes);
    } catch (error) {
      throw this.#readable(error);
    } finally {
      stream.close();
    }
  }

  async #ask(method: MethodDefinition, request: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#orderer.rpc.unary(method, this.#envelope(request), { timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      throw this.#readable(error);
    }
  }

  #envelope(data: Uint8Array): Uint8Array {
    return signedEnvelope({
      type: HeaderType.MESSAGE,
      channelId: this.channelId,
      creator: this.#reader.serialized,
      nonce: randomBytes(NONCE_BYTES),
      timestampMs: Date.now(),
      data,
      sign: (payload) => this.#reader.sign(payload),
    });
  }

  #readable(error: unknown): unknown {
    if (!(error instanceof RpcStatus)) return error;
    const { name, rpc } = this.#orderer;
    const nextStep = "See what the nodes are doing with: hansa status";
    if (error.code === GrpcStatus.UNAVAILABLE) {
      return new HansaError("NODE_UNREACHABLE", `${name} at ${rpc.address} does not answer.`, {
        cause: error,
        nextStep,
      });
    }
    if (error.code === GrpcStatus.DEADLINE_EXCEEDED) {
      return new HansaError("TIMED_OUT", `${name} did not answer in time.`, { cause: error, nextStep });
    }
    return new HansaError("JOURNAL_REFUSED", `${name} refused: ${error.message}.`, { cause: error });
  }
}

function readRecord(bytes: Uint8Array): JournalRecord {
  const { block, content } = decode(journal.JournalRecord, bytes, "hansa.journal.JournalRecord");
  const { strandId, sequenceNo } = block?.address ?? {};
  return {
    block: {
      address: { strandId: strandId ?? "", sequenceNo: toNumber(sequenceNo) },
      timestampMs: unixMs(toNumber(block?.timestampMs)),
      binding: block?.binding ?? NO_BYTES,
      entryHashes: block?.entryHashes ?? [],
      entriesHash: block?.entriesHash ?? NO_BYTES,
      previousBlockHash: block?.previousBlockHash ?? NO_BYTES,
      blockHash: block?.blockHash ?? NO_BYTES,
    },
    content,
  };
}
