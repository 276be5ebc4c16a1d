/** The offline verifier: needs no network, no node and nothing but @noble's curves and hashes. */

export { type EvidenceVerdict, verifyEvidence } from "./evidence.js";
export { type EvidenceParts, formatEvidence, isEvidence } from "./evidence-file.js";
export { type Verdict, verifyReceipt } from "./receipt.js";
export { formatReceipt, type ReceiptParts, type SignatureParts } from "./receipt-file.js";
export { type DigestParts, readDigest, type Signer, type SignerRole } from "./signed-digest.js";
