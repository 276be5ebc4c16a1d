/** Verifies a receipt offline: what it proves in plain words, or which field is wrong and how. */

import type { Bytes } from "@hansa/primitives";
import { sha256 } from "@noble/hashes/sha2.js";
import { compareHashes, foldPath, rootFrom } from "../fold.js";
import { type Certificate, chainTo, isSignedBy, readCertificate } from "./certificate.js";
import { certificatesIn, concat, equal, Malformed, toHex } from "./encoding.js";
import { Message } from "./protobuf.js";
import { parseReceipt, type ReceiptParts, readingField, WrongField } from "./receipt-file.js";
import { type DigestParts, readDigest, readRoots, type Signer, verifySignatures } from "./signed-digest.js";

export type Verdict =
  | {
      readonly valid: true;
      readonly channel: string;
      readonly strandId: string;
      /** Hex; empty for what has no id. */
      readonly transaction: string;
      readonly block: number;
      readonly entry: number;
      /** The ordering node's clock when it wrote the block, milliseconds since 1970. */
      readonly timestampMs: number;
      /** Number of the last block that the signed digest covers. */
      readonly tip: number;
      readonly signers: readonly Signer[];
      /** One sentence for each thing that was proved. */
      readonly proved: readonly string[];
      /** One sentence for each thing that a reader might think was proved. */
      readonly notProved: readonly string[];
    }
  | {
      readonly valid: false;
      /** Which part is wrong, e.g. "log.blockPath". */
      readonly field: string;
      readonly reason: string;
    };

const BINDING_FORMAT = "hansa.journal.block/1";
const ENDORSER_TRANSACTION = 3;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/**
 * @param text the receipt's file
 * @param roots PEM texts with the root certificates of the organisations that the reader trusts
 */
export function verifyReceipt(text: string, roots: readonly string[]): Verdict {
  try {
    return judge(parseReceipt(text), readRoots(roots));
  } catch (error) {
    if (error instanceof WrongField) return { valid: false, field: error.field, reason: error.reason };
    throw error;
  }
}

function judge(receipt: ReceiptParts, roots: readonly Certificate[]): Verdict {
  const digest = readDigest(receipt.digest);
  const { signatures, intermediateCertificates } = receipt;
  const { signers, strangers } = verifySignatures(receipt.digest, digest, signatures, intermediateCertificates, roots);
  const binding = readBinding(receipt, digest);
  const envelope = readEnvelope(receipt, digest);
  checkPaths(receipt, digest, envelope, binding.sequenceNo);
  const sender = senderOf(envelope, roots);
  const { channel, transaction, block, entry, time } = receipt;
  const what = transaction === "" ? "An envelope without a transaction id" : `Transaction ${transaction}`;
  const witnesses = signers.filter(({ role }) => role === "peer");
  const organizations = new Set(witnesses.map(({ rootIndex }) => rootIndex)).size;
  return {
    valid: true,
    channel,
    strandId: digest.strandId,
    transaction,
    block,
    entry,
    timestampMs: binding.timestampMs,
    tip: digest.tip,
    signers,
    proved: [
      `${what} was ordered on channel ${channel}: it is entry ${entry} of block ${block}.`,
      `The ordering node wrote block ${block} at ${time} by its clock, in strand ${digest.strandId}.`,
      ...signers.map(
        ({ name, role, root }) =>
          `${name}, ${role === "orderer" ? "an ordering node" : "a peer"} certified by ${root}, signed the digest of blocks 0 to ${digest.tip}.`,
      ),
      ...(sender.proved === undefined ? [] : [sender.proved]),
    ],
    notProved: [
      "Whether the peers found the transaction valid: an ordered transaction may still be invalid.",
      witnesses.length === 0
        ? "That everybody was shown this history: no peer has signed the digest, so only the ordering node vouches for it."
        : `That everybody was shown this history, beyond the word of ${signers.length} signers: peers of ${organizations} of the organisations whose roots were given.`,
      ...(strangers.length === 0
        ? []
        : [`Who else signed: ${strangers.join(", ")} did, certified by none of the given roots.`]),
      ...(sender.notProved === undefined ? [] : [sender.notProved]),
    ],
  };
}

function expect(field: string, holds: boolean, reason: string): void {
  if (!holds) throw new WrongField(field, reason);
}

function readBinding(receipt: ReceiptParts, digest: DigestParts): { sequenceNo: number; timestampMs: number } {
  const read = readingField("binding", () => {
    const message = new Message(receipt.binding);
    const address = message.message(2);
    return {
      format: message.text(1),
      strandId: address.text(1),
      sequenceNo: address.number(2),
      timestampMs: message.number(3),
      channel: message.text(4),
    };
  });
  const { format, strandId, sequenceNo, timestampMs, channel } = read;
  expect("binding", format === BINDING_FORMAT, `is no binding of a block: its format is "${format}"`);
  expect("digest", strandId === digest.strandId, `is of strand ${digest.strandId}; the block is of strand ${strandId}`);
  expect(
    "digest",
    channel === digest.channel,
    `is of channel "${digest.channel}"; the block is of channel "${channel}"`,
  );
  expect("digest", sequenceNo <= digest.tip, `ends with block ${digest.tip}, before block ${sequenceNo}`);
  expect("block", receipt.block === sequenceNo, `is ${receipt.block}; its binding says ${sequenceNo}`);
  expect("channel", receipt.channel === channel, `is "${receipt.channel}"; the block's binding says "${channel}"`);
  const time = isoTime(timestampMs);
  expect("time", receipt.time === time, `is "${receipt.time}"; the block's binding says "${time}"`);
  expect("binding", timestampMs <= digest.tipTimestampMs, "has a later time than the digest's last block");
  return { sequenceNo, timestampMs };
}

function isoTime(ms: number): string | undefined {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

type EnvelopeParts = {
  readonly payload: Bytes;
  readonly signature: Bytes;
  readonly creatorMsp: string;
  readonly creatorPem: string;
};

function readEnvelope(receipt: ReceiptParts, digest: DigestParts): EnvelopeParts {
  const read = readingField("envelope", () => {
    const envelope = new Message(receipt.envelope);
    const header = envelope.message(1).message(1);
    const channelHeader = header.message(1);
    const signatureHeader = header.message(2);
    const creator = signatureHeader.message(1);
    return {
      payload: envelope.bytes(1),
      signature: envelope.bytes(2),
      type: channelHeader.number(1),
      channel: channelHeader.text(4),
      transaction: channelHeader.text(5),
      idOf: toHex(sha256(concat(signatureHeader.bytes(2), signatureHeader.bytes(1)))),
      creatorMsp: creator.text(1),
      creatorPem: creator.text(2),
    };
  });
  const { type, channel, transaction, idOf } = read;
  expect("envelope", channel === digest.channel, `is for channel "${channel}"; the digest is of "${digest.channel}"`);
  expect(
    "transaction",
    receipt.transaction === transaction,
    `is "${receipt.transaction}"; the envelope's is "${transaction}"`,
  );
  if (type === ENDORSER_TRANSACTION) {
    expect("envelope", transaction === idOf, "has a transaction id that does not follow from its nonce and creator");
  }
  return read;
}

function dot(a: Bytes, b: Bytes): Bytes {
  return sha256(compareHashes(a, b) <= 0 ? concat(a, b) : concat(b, a));
}

function joinLog(left: Bytes, right: Bytes): Bytes {
  return sha256(concat(NODE, left, right));
}

/** Both proofs lead from the same envelope to the same digest: which of them fails tells what was changed. */
function checkPaths(receipt: ReceiptParts, digest: DigestParts, envelope: EnvelopeParts, sequenceNo: number): void {
  const { entry, path, binding, log } = receipt;
  const entryHash = sha256(receipt.envelope);
  const followsDot = equal(foldPath(entryHash, path, dot), digest.hash);

  const entriesRoot = rootFrom(sha256(concat(LEAF, entryHash)), entry, log.entryCount, log.entryPath, joinLog);
  expect("log.entryPath", entriesRoot !== undefined, `does not fit entry ${entry} of ${log.entryCount}`);
  const count = new Uint8Array(8);
  new DataView(count.buffer).setBigUint64(0, BigInt(log.entryCount));
  const leaf = sha256(concat(LEAF, sha256(binding), count, entriesRoot ?? new Uint8Array(0)));
  const logRoot = rootFrom(leaf, sequenceNo, digest.tip + 1, log.blockPath, joinLog);
  expect("log.blockPath", logRoot !== undefined, `does not fit block ${sequenceNo} of ${digest.tip + 1}`);
  const followsLog = equal(logRoot ?? new Uint8Array(0), digest.logRoot);

  if (followsDot && followsLog) return;
  if (followsDot) {
    throw new WrongField(
      "log",
      "does not lead to the digest: a hash on its paths, its entry count, the entry's number or the binding was changed",
    );
  }
  if (followsLog) throw new WrongField("path", "does not lead to the digest: one of its hashes was changed");
  if (envelopeSignature(envelope) === false) {
    throw new WrongField(
      "envelope",
      "was changed: its sender's signature does not fit, and it does not lead to the digest",
    );
  }
  throw new WrongField(
    "envelope",
    "does not lead to the digest, neither by its path nor in the log: it is not what was ordered in this place",
  );
}

/** Whether the sender's signature fits; undefined when this verifier cannot tell. */
function envelopeSignature({ payload, signature, creatorPem }: EnvelopeParts): boolean | undefined {
  const certificate = creatorCertificate(creatorPem);
  return certificate && isSignedBy(certificate.publicKey, payload, signature, true);
}

function creatorCertificate(pem: string): Certificate | undefined {
  try {
    const [der] = certificatesIn(pem);
    return der && readCertificate(der);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function senderOf(envelope: EnvelopeParts, roots: readonly Certificate[]): { proved?: string; notProved?: string } {
  const certificate = creatorCertificate(envelope.creatorPem);
  const name = `${certificate?.commonName ?? "its sender"} of ${envelope.creatorMsp}`;
  const chain = certificate && chainTo(certificate, [], roots);
  if (certificate === undefined || chain === undefined || typeof chain === "string") {
    return {
      notProved: `Who sent it: the certificate of ${name} does not chain to the given roots, or is of a kind that cannot be checked here.`,
    };
  }
  if (!isSignedBy(certificate.publicKey, envelope.payload, envelope.signature, true)) {
    return { notProved: `Who sent it: the signature of ${name} does not fit.` };
  }
  return { proved: `${certificate.commonName}, certified by ${chain.at(-1)?.commonName}, signed and sent it.` };
}
