/**
 * Evidence that two statements about one strand contradict each other, as a file: one JSON object with exactly these
 * fields. Bytes are base64, certificates PEM.
 *
 *     format           "hansa.journal.evidence/1"
 *     kind             "digests": two digests with the same tip; "blocks": two channel blocks, of the same number, or the
 *                      second one's previous hash not that of the first
 *     channel          what the statements are about; checked against them
 *     found            { by, at, source }: who noticed it, when, and where the second statement came from. Not verified.
 *     statements       two of them, each, by kind:
 *       digests        { digest, signatures: [{ certificate, signature }] }
 *       blocks         { header, signatures }: common.BlockHeader, and the block's metadata with its signatures
 *     intermediateCertificates
 *                      those between the signers' certificates and the roots
 */
import type { Bytes } from "@hansa/primitives";
import { toBase64, toPem } from "./encoding.js";
import { certificateAt, Fields, parseJson, readSignatures, type SignatureParts, WrongField } from "./receipt-file.js";

export const EVIDENCE_FORMAT = "hansa.journal.evidence/1";

export type Found = {
  /** Name of the peer. */
  readonly by: string;
  /** ISO 8601 */
  readonly at: string;
  /** "host:port" of the ordering node. */
  readonly source: string;
};

export type DigestStatement = { readonly digest: Bytes; readonly signatures: readonly SignatureParts[] };
export type BlockStatement = { readonly header: Bytes; readonly signatures: Bytes };

export type EvidenceParts = {
  readonly channel: string;
  readonly found: Found;
  /** DER */
  readonly intermediateCertificates: readonly Bytes[];
} & (
  | { readonly kind: "digests"; readonly statements: readonly [DigestStatement, DigestStatement] }
  | { readonly kind: "blocks"; readonly statements: readonly [BlockStatement, BlockStatement] }
);

/** Whether a text wants to be evidence rather than a receipt. */
export function isEvidence(text: string): boolean {
  return /"format"\s*:\s*"hansa\.journal\.evidence\//.test(text.slice(0, 1_000));
}

/** The file's text. */
export function formatEvidence(evidence: EvidenceParts): string {
  const { kind, channel, found, intermediateCertificates } = evidence;
  const statements =
    evidence.kind === "digests"
      ? evidence.statements.map(({ digest, signatures }) => ({
          digest: toBase64(digest),
          signatures: signatures.map(({ certificate, signature }) => ({
            certificate: toPem(certificate),
            signature: toBase64(signature),
          })),
        }))
      : evidence.statements.map(({ header, signatures }) => ({
          header: toBase64(header),
          signatures: toBase64(signatures),
        }));
  const { by, at, source } = found;
  const file = {
    format: EVIDENCE_FORMAT,
    kind,
    channel,
    found: { by, at, source },
    statements,
    intermediateCertificates: intermediateCertificates.map(toPem),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** @throws WrongField for anything else than formatEvidence writes, white space aside */
export function parseEvidence(text: string): EvidenceParts {
  const file = new Fields("", parseJson(text));
  const format = file.text("format");
  if (format !== EVIDENCE_FORMAT) {
    throw new WrongField("format", `is ${JSON.stringify(format)}; this verifier reads "${EVIDENCE_FORMAT}"`);
  }
  const kind = file.text("kind");
  const channel = file.text("channel");
  const foundFields = file.object("found");
  const found = { by: foundFields.text("by"), at: foundFields.text("at"), source: foundFields.text("source") };
  foundFields.end();
  const list = file.list("statements");
  const [first, second, third] = list.map(([field, value]) => new Fields(`${field}.`, value));
  if (first === undefined || second === undefined || third !== undefined) {
    throw new WrongField("statements", "are not two");
  }
  const intermediateCertificates = file
    .list("intermediateCertificates")
    .map(([field, value]) => certificateAt(field, value));
  file.end();
  const shared = { channel, found, intermediateCertificates };
  if (kind === "digests") {
    const read = (one: Fields): DigestStatement => {
      const statement = { digest: one.bytes("digest"), signatures: readSignatures(one) };
      one.end();
      return statement;
    };
    return { ...shared, kind, statements: [read(first), read(second)] };
  }
  if (kind === "blocks") {
    const read = (one: Fields): BlockStatement => {
      const statement = { header: one.bytes("header"), signatures: one.bytes("signatures") };
      one.end();
      return statement;
    };
    return { ...shared, kind, statements: [read(first), read(second)] };
  }
  throw new WrongField("kind", `is ${JSON.stringify(kind)}; there are "digests" and "blocks"`);
}
