/** The journal of one channel, for those who keep proofs: receipts, digests, exports. */
import { randomBytes } from "node:crypto";
import {
  type ExportFormat,
  type ExportStore,
  type ExportSummary,
  idFromBytes,
  type JournalRecord,
  receiptFile,
  signatureParts,
  writeExport,
} from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { fromUtf8, HansaError } from "@hansa/primitives";
import { decode, hansa, readEnvelope, splitBlock, toNumber, WireError } from "@hansa/wire";
import { evaluate, type Target } from "../client/admin-client.js";
import { JournalClient } from "../client/journal-client.js";

/** Peers that run sign within a few hundred milliseconds. */
const RECEIPT_WAIT_MS = 2_000;

export type ExportPlace = { readonly store: ExportStore; readonly prefix: string; readonly bucket: string };

export class ChannelJournal {
  readonly #ledgerName: string;
  readonly #peer: Target;
  readonly #reader: SigningIdentity;
  readonly #journal: JournalClient;

  constructor(ledgerName: string, channel: string, orderer: Target, peer: Target, reader: SigningIdentity) {
    this.#ledgerName = ledgerName;
    this.#peer = peer;
    this.#reader = reader;
    this.#journal = new JournalClient(orderer, reader, channel);
  }

  /**
   * The newest signed digest, or the one with this tip.
   * @param waitMs how long to wait at most for peers of a majority of the members to sign it too
   * @throws HansaError NODE_UNREACHABLE, JOURNAL_REFUSED
   */
  async digest(tip?: number, waitMs = 0): Promise<hansa.journal.SignedDigest> {
    return this.#journal.digest(tip, waitMs);
  }

  /** Digests that peers have signed, newest first, of those that cover a block. Throws as `digest`. */
  async digests(fromSequenceNo = 0, limit = 20): Promise<hansa.journal.DigestList> {
    return this.#journal.digests(fromSequenceNo, limit);
  }

  /** The blocks there are now, from a number on. Throws as `digest`. */
  records(firstSequenceNo = 0): AsyncIterable<JournalRecord> {
    return this.#journal.records(undefined, firstSequenceNo);
  }

  /**
   * The text of a receipt's file: `verifyReceipt` of hansa/verify reads it, without a network.
   * @param waitMs as for `digest`
   * @throws HansaError UNKNOWN_TRANSACTION, NODE_UNREACHABLE, JOURNAL_REFUSED
   */
  async receipt(transactionId: string, waitMs = RECEIPT_WAIT_MS): Promise<string> {
    const { sequenceNo, entryIndex } = await this.#find(transactionId);
    return receiptFile(await this.#journal.receipt(sequenceNo, entryIndex, waitMs));
  }

  /** Exports all blocks there are now. @throws HansaError; whatever the place throws */
  async exportTo(
    place: ExportPlace,
    format: ExportFormat,
    onProgress: (blocks: number) => void = () => {},
  ): Promise<ExportSummary> {
    const signed = await this.#journal.digest();
    const { tip } = decode(hansa.journal.Digest, signed.digest, "hansa.journal.Digest");
    // The receipt of the newest block's first envelope brings the certificates between its signer and the roots.
    const { intermediateCertificates } = await this.#journal.receipt(toNumber(tip?.sequenceNo), 1);
    return writeExport({
      ...place,
      records: this.#journal.records(toNumber(tip?.sequenceNo)),
      digest: signed.digest,
      signatures: signatureParts(signed.signatures),
      intermediateCertificates,
      exportId: idFromBytes(randomBytes(16)),
      format,
      ledgerName: this.#ledgerName,
      onProgress,
    });
  }

  /** Where a transaction stands: peers know, and the orderer's blocks have the same numbers. */
  async #find(transactionId: string): Promise<{ sequenceNo: number; entryIndex: number }> {
    const { channelId } = this.#journal;
    const args = ["GetBlockByTxID", channelId, transactionId].map(fromUtf8);
    const bytes = await evaluate(this.#peer, this.#reader, { channelId, chaincode: "qscc", args }).catch((cause) => {
      if (cause instanceof HansaError && cause.code !== "ENDORSEMENT_REFUSED") throw cause;
      throw unknownTransaction(transactionId, channelId, cause);
    });
    const { header, envelopes } = splitBlock(bytes);
    const index = envelopes.findIndex((envelope) => idOf(envelope) === transactionId);
    if (index < 0) throw unknownTransaction(transactionId, channelId);
    return { sequenceNo: Number(header.number), entryIndex: index + 1 };
  }
}

function unknownTransaction(transactionId: string, channel: string, cause?: unknown): HansaError {
  return new HansaError("UNKNOWN_TRANSACTION", `Channel ${channel} has no transaction ${transactionId}.`, {
    cause,
    nextStep: "Give the whole id, as hansa invoke prints it, and the transaction's channel.",
  });
}

function idOf(envelope: Uint8Array): string | undefined {
  try {
    return readEnvelope(envelope).channelHeader.txId;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
