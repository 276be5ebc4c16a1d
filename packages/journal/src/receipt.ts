/** Turns what the Journal service answers into the file that the offline verifier reads. */
import type { Bytes } from "@hansa/primitives";
import { decode, hansa, msp, readEnvelope, toNumber } from "@hansa/wire";
import { certificatesIn, Malformed } from "./verify/encoding.js";
import { formatReceipt, type ReceiptParts, type SignatureParts } from "./verify/receipt-file.js";

/**
 * The text of a receipt's file.
 * @throws WireError for an answer that does not read
 */
export function receiptFile(answer: hansa.journal.IReceipt): string {
  return formatReceipt(receiptParts(answer));
}

export function receiptParts(answer: hansa.journal.IReceipt): ReceiptParts {
  const { envelope, proof, entryIndex, intermediateCertificates } = answer;
  const log = proof?.log;
  const binding = log?.binding ?? new Uint8Array(0);
  const { channelId, timestampMs } = decode(hansa.journal.BlockBinding, binding, "hansa.journal.BlockBinding");
  const signed = proof?.digest;
  return {
    channel: channelId,
    transaction: readEnvelope(envelope ?? new Uint8Array(0)).channelHeader.txId,
    block: toNumber(answer.sequenceNo),
    entry: entryIndex ?? 0,
    time: new Date(toNumber(timestampMs)).toISOString(),
    envelope: envelope ?? new Uint8Array(0),
    binding,
    path: proof?.path ?? [],
    log: { entryCount: log?.entryCount ?? 0, entryPath: log?.entryPath ?? [], blockPath: log?.blockPath ?? [] },
    digest: signed?.digest ?? new Uint8Array(0),
    signatures: signatureParts(signed?.signatures ?? []),
    intermediateCertificates: intermediateCertificates ?? [],
  };
}

/** Signatures with the signers' certificates as DER. @throws WireError, Malformed */
export function signatureParts(signatures: readonly hansa.journal.IDigestSignature[]): SignatureParts[] {
  return signatures.map(({ identity, signature }) => {
    const { idBytes } = decode(msp.SerializedIdentity, identity ?? new Uint8Array(0), "msp.SerializedIdentity");
    return { certificate: derOf(idBytes), signature: signature ?? new Uint8Array(0) };
  });
}

function derOf(pem: Bytes): Bytes {
  const [der] = certificatesIn(Buffer.from(pem).toString("utf8"));
  if (der === undefined) throw new Malformed("holds no certificate");
  return der;
}
